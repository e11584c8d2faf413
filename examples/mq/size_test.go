package main

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/examples/mq/internal/proto"
)

// feed has a producer publish what text says, and returns it when it has ended.
func feed(t *testing.T, addr, text string) *process {
	t.Helper()
	p := start(t, "producer", "-addr", addr, "-topic", "t", "-inflight", "1")
	_, _ = io.WriteString(p.stdin, text) // it may end before it has read all
	p.stdin.Close()
	p.exit()
	return p
}

func TestAMessageThatIsTooLongIsRefusedAndTheOthersAreNot(t *testing.T) {
	t.Parallel()
	_, addr := startBroker(t, "-file", newFile(t), "-max-message", "1000")
	longest := strings.Repeat("x", 1000)
	assert.Zero(t, feed(t, addr, longest+"\n").exit())
	for _, n := range []int{1001, 100_000} { // refused by the broker, and not even sent
		p := feed(t, addr, "short\n"+strings.Repeat("x", n)+"\nnever read\n")
		assert.Equal(t, 1, p.exit())
		assert.Contains(t, p.errors(), "published 1 messages\n")
		assert.Contains(t, p.errors(), "; not acknowledged: 1\n")
	}
	p := feed(t, addr, "short\n"+strings.Repeat("x", maxLine+1)+"\nnever read\n")
	assert.Equal(t, 1, p.exit())
	assert.Contains(t, p.errors(), "line 2 is longer than 4194304 bytes")
	assert.Equal(t, 4, int(statusOf(t, addr, "t").Next))
}

func TestTheLongestLineArrives(t *testing.T) {
	t.Parallel()
	_, addr := startBroker(t, "-file", newFile(t), "-max-message", itoa(maxLine))
	p := feed(t, addr, strings.Repeat("x", maxLine)+"\n")
	require.Zero(t, p.exit(), p.errors())
	c := startConsumer(t, addr, "t", "g", append([]string{"-n", "1"}, shell(t, "wc -c")...)...)
	require.Zero(t, c.exit(), c.errors())
	assert.Equal(t, itoa(maxLine), strings.TrimSpace(c.printed()[0]))
}

// A consumer that answers each message in time keeps its messages, however
// long it takes for all that it has asked for, and however long they are.
func TestASlowConsumerOfLongMessagesKeepsThem(t *testing.T) {
	t.Parallel()
	_, addr := startBroker(t, "-file", newFile(t), "-ack-timeout", "1s")
	long := strings.Repeat("x", 300_000)
	publish(t, addr, "t", strings.Fields(strings.Repeat(long+" ", 16))...)
	c := startConsumer(t, addr, "t", "g", "-n", "16", "-work", "100ms", "-quiet")
	require.Zero(t, c.exit(), c.errors())
	assert.Contains(t, c.errors(), "consumed 16 messages (0 redelivered)")
	waitStatus(t, addr, "t", func(topic proto.Topic) bool { return topic.Groups[0].Open == 0 })
}
