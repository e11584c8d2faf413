package main

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/examples/mq/internal/proto"
)

func TestEveryGroupGetsEachMessageAndOneMemberOfItDoes(t *testing.T) {
	t.Parallel()
	_, addr := startBroker(t, "-file", newFile(t))
	one := startConsumer(t, addr, "t", "shared", "-prefetch", "4", "-work", "1ms")
	two := startConsumer(t, addr, "t", "shared", "-prefetch", "4", "-work", "1ms")
	alone := startConsumer(t, addr, "t", "alone")
	waitStatus(t, addr, "t", members(3))

	want := numbers(500)
	publish(t, addr, "other", "not for them")
	publish(t, addr, "t", want...)
	got, marked := datas(alone.waitLines(len(want)))
	assert.Equal(t, want, got, "in order")
	assert.Zero(t, marked)
	waitStatus(t, addr, "t", func(topic proto.Topic) bool {
		return len(topic.Groups) == 2 && topic.Groups[0].Open+topic.Groups[1].Open == 0 && topic.First == topic.Next
	})
	ofOne, _ := datas(one.printed())
	ofTwo, _ := datas(two.printed())
	assert.ElementsMatch(t, want, append(ofOne, ofTwo...))
	assert.NotEmpty(t, ofOne)
	assert.NotEmpty(t, ofTwo)
}

func TestMessagesOfADeadConsumerComeAgainMarked(t *testing.T) {
	t.Parallel()
	_, addr := startBroker(t, "-file", newFile(t), "-grace", "200ms")
	publish(t, addr, "t", "first", "second")
	dies := startConsumer(t, addr, "t", "g", "-work", "1h")
	assert.Equal(t, []string{"t/0: first"}, dies.waitLines(1))
	dies.kill()
	lives := startConsumer(t, addr, "t", "g", "-n", "2")
	assert.Equal(t, []string{"t/0 redelivered: first", "t/1 redelivered: second"}, lives.waitLines(2))
	assert.Zero(t, lives.exit())
}

func TestMessagesOfAConsumerThatHangsGoToAnother(t *testing.T) {
	t.Parallel()
	_, addr := startBroker(t, "-file", newFile(t), "-ack-timeout", "300ms")
	publish(t, addr, "t", "first", "second")
	hangs := startConsumer(t, addr, "t", "g", "-work", "1h")
	hangs.waitLines(1)
	lives := startConsumer(t, addr, "t", "g", "-n", "2")
	assert.Equal(t, []string{"t/0 redelivered: first", "t/1 redelivered: second"}, lives.waitLines(2))
	assert.Zero(t, lives.exit())
}

func TestAnAcknowledgedMessageDoesNotComeAgainAfterARestart(t *testing.T) {
	t.Parallel()
	file := newFile(t)
	broker, addr := startBroker(t, "-file", file)
	publish(t, addr, "t", numbers(5)...)
	first := startConsumer(t, addr, "t", "g", "-n", "3")
	require.Zero(t, first.exit())
	waitStatus(t, addr, "t", func(topic proto.Topic) bool { return topic.Groups[0].Committed == 3 })
	broker.signal(syscall.SIGTERM)
	require.Zero(t, broker.exit(), broker.errors())

	_, addr = startBroker(t, "-file", file)
	second := startConsumer(t, addr, "t", "g", "-n", "2")
	got, _ := datas(second.waitLines(2))
	assert.Equal(t, numbers(5)[3:], got)
	require.Zero(t, second.exit())
}

func TestAProducerWaitsForASlowGroup(t *testing.T) {
	t.Parallel()
	n, limit := 2000, 100_000
	if soak() {
		n, limit = 64<<10, 8<<20
	}
	broker, addr := startBroker(t, "-file", newFile(t), "-max-topic", itoa(limit))
	producer := start(t, "producer", "-addr", addr, "-topic", "t", "-echo")
	line := strings.Repeat("x", 1023) + "\n"
	go func() {
		for range n {
			if _, err := io.WriteString(producer.stdin, line); err != nil {
				return
			}
		}
		producer.stdin.Close()
	}()
	const counts = 1023 + 64 // each message
	full := waitStatus(t, addr, "t", func(topic proto.Topic) bool { return int(topic.Next)*counts >= limit })
	assert.LessOrEqual(t, int(full.Next), limit/counts+1, "one message more at most")
	assert.LessOrEqual(t, len(producer.printed()), limit/counts+1)

	consumer := startConsumer(t, addr, "t", "g", "-n", itoa(n))
	consumer.waitLines(n)
	producer.waitLines(n)
	assert.Zero(t, producer.exit(), producer.errors())
	assert.Zero(t, consumer.exit(), consumer.errors())
	memory := anonymous(t, broker.cmd.Process.Pid)
	t.Logf("%d MiB published, the topic keeps at most %d KiB: the broker uses %d MiB of memory", n>>10, limit>>10, memory>>20)
	assert.Less(t, memory, int64(256<<20))
}

func TestAForgottenGroupKeepsNothing(t *testing.T) {
	t.Parallel()
	_, addr := startBroker(t, "-file", newFile(t))
	publish(t, addr, "t", numbers(10)...)
	assert.Zero(t, startConsumer(t, addr, "t", "abandoned", "-n", "1").exit())
	waitStatus(t, addr, "t", func(topic proto.Topic) bool { return topic.First == 1 })
	active := startConsumer(t, addr, "t", "active") // begins with what is kept
	active.waitLines(9)
	waitStatus(t, addr, "t", func(topic proto.Topic) bool { return topic.Groups[1].Open == 0 })
	assert.Equal(t, uint64(1), statusOf(t, addr, "t").First)

	unknown := startConsumer(t, addr, "t", "unknown", "-unsubscribe")
	assert.Equal(t, 1, unknown.exit())
	assert.Contains(t, unknown.errors(), `topic "t" has no group "unknown"`)
	refused := startConsumer(t, addr, "t", "active", "-unsubscribe")
	assert.Equal(t, 1, refused.exit())
	assert.Contains(t, refused.errors(), "has members")
	assert.Zero(t, startConsumer(t, addr, "t", "abandoned", "-unsubscribe").exit())
	waitStatus(t, addr, "t", func(topic proto.Topic) bool { return topic.First == 10 && topic.Bytes == 0 })
}

func TestProgramsEndInOrder(t *testing.T) {
	t.Parallel()
	file := newFile(t)
	broker, addr := startBroker(t, "-file", file, "-max-topic", "10")
	consumer := startConsumer(t, addr, "t", "g")
	producer := start(t, "producer", "-addr", addr, "-topic", "t", "-echo")
	_, err := io.WriteString(producer.stdin, "hello\n")
	require.NoError(t, err)
	producer.waitLines(1)
	consumer.waitLines(1)

	producer.signal(syscall.SIGTERM)
	assert.Zero(t, producer.exit(), "everything is acknowledged")
	assert.Contains(t, producer.errors(), "published 1 messages\n")
	consumer.signal(os.Interrupt)
	assert.Zero(t, consumer.exit())
	assert.Contains(t, consumer.errors(), "consumed 1 messages (0 redelivered), refused 0, in ")

	blocked := start(t, "producer", "-addr", addr, "-topic", "full", "-echo")
	_, err = io.WriteString(blocked.stdin, "0123456789\nno room\n")
	require.NoError(t, err)
	blocked.waitLines(1)
	blocked.signal(os.Interrupt)
	assert.Equal(t, 1, blocked.exit())
	assert.Regexp(t, `interrupted; not acknowledged: [01]\n`, blocked.errors()) // 0: the line had not been read

	broker.signal(syscall.SIGTERM)
	assert.Zero(t, broker.exit(), broker.errors())
}

func TestWrongUsageIsExplained(t *testing.T) {
	t.Parallel()
	file := newFile(t)
	_, addr := startBroker(t, "-file", file)
	cases := []struct {
		args string
		code int
		want string // in what it prints
	}{
		{"", 2, "Usage: mq COMMAND"},
		{"-h", 0, "Usage: mq COMMAND"},
		{"broker -h", 0, "-max-topic"},
		{"producer -h", 0, "-bench"},
		{"consumer -h", 0, "[COMMAND...]"},
		{"status -h", 0, "-json"},
		{"dance", 2, `no command "dance"`},
		{"producer -nonsense", 2, "-nonsense"},
		{"producer -addr " + addr, 2, "no topic is named"},
		{"producer -topic a\x01b -addr " + addr, 2, "nothing that cannot be printed"},
		{"producer -topic t -inflight 0", 2, "-inflight"},
		{"consumer -topic t -addr " + addr, 2, "no group is named"},
		{"consumer -topic t -group " + strings.Repeat("g", 250), 2, "too long"},
		{"consumer -topic t -group g -prefetch 9999", 2, "prefetch of 9999"},
		{"consumer -topic t -group g -n -1", 2, "-n"},
		{"consumer -topic t -group g /no/such/command", 1, "/no/such/command"},
		{"consumer -topic none -group g -unsubscribe -addr " + addr, 1, "no such topic"},
		{"broker -cert x", 2, "go together"},
		{"broker -log loud", 2, "loud"},
		{"broker -max-message 9999999", 2, "at most 4 MiB"},
		{"broker -tries -1", 2, "-tries"},
		{"status extra", 2, `unexpected argument "extra"`},
		{"status -addr 127.0.0.1:1", 1, "connection refused"},
		{"broker -file " + newFile(t) + " -addr " + addr, 1, "address already in use"},
		{"broker -addr 127.0.0.1:0 -file " + file, 1, "another process has it open"},
		{"broker -addr 127.0.0.1:0 -file /nonexistent/mq.db", 1, "no such file"},
	}
	var started []*process
	for _, c := range cases {
		started = append(started, start(t, strings.Fields(c.args)...))
	}
	for i, c := range cases {
		assert.Equal(t, c.code, started[i].exit(), c.args)
		out := started[i].errors()
		if c.code == 0 {
			out = strings.Join(started[i].printed(), "\n")
		}
		assert.Contains(t, out, c.want, c.args)
	}
}

func TestTheFiguresArePrinted(t *testing.T) {
	t.Parallel()
	_, addr := startBroker(t, "-file", newFile(t))
	p := start(t, "producer", "-addr", addr, "-topic", "t", "-bench", "-d", "200ms")
	require.Zero(t, p.exit(), p.errors())
	brief := start(t, "producer", "-addr", addr, "-topic", "t", "-bench", "-d", "1ns", "-inflight", "1")
	assert.Zero(t, brief.exit(), brief.errors())
	assert.Regexp(t, `^128 bytes +messages/s +p50 +p99 +MB/s\n1 in flight +\d+ .+\n256 in flight +\d+ .+$`,
		strings.Join(p.printed(), "\n"))
}
