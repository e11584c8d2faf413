// Command messager is two programs that talk: `messager listen` waits for
// others, `messager dial` connects to it. What is typed on either side is
// published to the other, under a topic; the other answers each message with
// Done or Error, and the outcome of each is printed where it was typed.
package main

import "github.com/singchia/geminio/examples/internal/program"

const about = `Two programs that talk. Each line that is typed is published: TOPIC TEXT, or TEXT
alone under the -topic. With -manual, what is received is answered by typing
/done N or /error N WHY.`

func main() {
	program.MainOf("messager", about, listenCommand(), dialCommand())
}
