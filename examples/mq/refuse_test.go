package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/examples/mq/internal/proto"
)

// shell returns the arguments that have a consumer hand messages to a script.
func shell(t *testing.T, script string) []string {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell here:", err)
	}
	return []string{sh, "-c", script}
}

func TestACommandGetsTheMessagesAndWhatItRefusesComesAgain(t *testing.T) {
	t.Parallel()
	_, addr := startBroker(t, "-file", newFile(t), "-retry-delay", "10ms")
	publish(t, addr, "t", "good", "bad", "better")
	script := `read -r line; echo "$MQ_TOPIC $MQ_OFFSET $MQ_REDELIVERED $line"; [ "$line" != bad ] || [ "$MQ_REDELIVERED" = 1 ]`
	c := startConsumer(t, addr, "t", "g", append([]string{"-n", "3"}, shell(t, script)...)...)
	assert.Zero(t, c.exit(), c.errors())
	assert.ElementsMatch(t, []string{"t 0 0 good", "t 1 0 bad", "t 1 1 bad", "t 2 0 better"}, c.printed())
	assert.Contains(t, c.errors(), "message 1 of t is refused: exit status 1")
	assert.Contains(t, c.errors(), "consumed 3 messages (1 redelivered), refused 1, in ")
}

func TestAMessageThatIsRefusedTooOftenIsMoved(t *testing.T) {
	t.Parallel()
	args := []string{"-file", newFile(t), "-retry-delay", "10ms", "-tries", "3"}
	broker, addr := startBroker(t, args...)
	other := startConsumer(t, addr, "t", "other")
	script := `read -r line; echo "$line"; [ "$line" != bad ]`
	c := startConsumer(t, addr, "t", "g", shell(t, script)...)
	waitStatus(t, addr, "t", members(2))
	publish(t, addr, "t", "bad", "good")
	waitStatus(t, addr, "t", func(topic proto.Topic) bool {
		return slices.ContainsFunc(topic.Groups, func(g proto.Group) bool { return g.Name == "g" && g.Committed == 2 })
	})
	assert.ElementsMatch(t, []string{"bad", "bad", "bad", "good"}, c.printed())
	assert.Equal(t, []string{"t/0: bad", "t/1: good"}, other.waitLines(2), "another group is not concerned")
	broker.kill() // it is on disk

	_, addr = startBroker(t, args...)
	dead := startConsumer(t, addr, "t.g.dead", "undertaker", "-n", "1")
	assert.Equal(t, []string{"t.g.dead/0 redelivered: bad"}, dead.waitLines(1))
	assert.Zero(t, dead.exit())
}

// Where the dead have no room, a message goes on coming.
func TestAMessageIsNotLostWhereTheDeadHaveNoRoom(t *testing.T) {
	t.Parallel()
	broker, addr := startBroker(t, "-file", newFile(t), "-retry-delay", "1ms", "-tries", "1", "-max-topic", "100")
	c := startConsumer(t, addr, "t", "g", shell(t, `[ "$MQ_REDELIVERED" = 1 ]`)...)
	waitStatus(t, addr, "t", members(1))
	publish(t, addr, "t", strings.Repeat("x", 50), strings.Repeat("y", 50))
	waitStatus(t, addr, "t", func(topic proto.Topic) bool { return topic.Groups[0].Open == 0 })
	require.NoError(t, c.cmd.Process.Kill())
	assert.Equal(t, uint64(1), statusOf(t, addr, "t.g.dead").Next)
	assert.Contains(t, broker.errors(), "topic t.g.dead is full")
}
