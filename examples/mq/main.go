// Command mq is a small message queue: a broker that keeps topics on disk, and
// producers and consumers that talk to it over geminio.
//
//	mq broker -file mq.db
//	mq producer -topic orders < lines
//	mq consumer -topic orders -group billing
//	mq status
package main

import "github.com/singchia/geminio/examples/internal/program"

func main() {
	program.MainOf("mq", "A message queue with topics, groups of consumers and messages on disk.",
		brokerCommand(), producerCommand(), consumerCommand(), statusCommand())
}
