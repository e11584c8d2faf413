package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/examples/mq/internal/proto"
	"github.com/singchia/geminio/test/chaos"
)

// newProxy returns a proxy before the broker that cuts the first n connections,
// spread at random over so many bytes; the first one not in its handshake, for
// that a program may fail.
func newProxy(t *testing.T, broker string, n int, total int64) *chaos.Proxy {
	t.Helper()
	const handshake = 4096
	cuts := chaos.Cuts(chaos.Seed(t), n, total, chaos.Reset{}, chaos.Close{})
	p, err := chaos.NewProxy(broker, func(n int) chaos.Script {
		script := cuts(n)
		for i := range script {
			if n == 0 {
				script[i].After += handshake
			}
		}
		return script
	})
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p
}

func sorted(lines []string) []string { return slices.Sorted(slices.Values(lines)) }

// The connections of producer and consumers are cut again and again. Every
// message is stored once, and acknowledged once by each group, unmarked.
func TestCutConnectionsLoseAndRepeatNothing(t *testing.T) {
	t.Parallel()
	n, cuts := 2000, 10
	if soak() {
		n, cuts = 100_000, 300
	}
	_, addr := startBroker(t, "-file", newFile(t))
	total := int64(n * 60) // fewer bytes than a message needs on its way
	toProducer, toOne, toTwo := newProxy(t, addr, cuts, total), newProxy(t, addr, cuts, total), newProxy(t, addr, cuts, total/2)
	alone := startConsumer(t, toOne.Addr(), "t", "alone")
	shared := []*process{
		startConsumer(t, toTwo.Addr(), "t", "shared", "-prefetch", "16"),
		startConsumer(t, addr, "t", "shared", "-prefetch", "16"),
	}
	waitStatus(t, addr, "t", members(3))

	want := numbers(n)
	producer := start(t, "producer", "-addr", toProducer.Addr(), "-topic", "t", "-echo")
	fed := make(chan error, 1)
	go func() {
		_, err := io.WriteString(producer.stdin, strings.Join(want, "\n")+"\n")
		producer.stdin.Close()
		fed <- err
	}()
	require.Zero(t, producer.exit(), producer.errors())
	require.NoError(t, <-fed)
	assert.Equal(t, sorted(want), sorted(producer.printed()), "each is acknowledged once")
	got, marked := datas(alone.waitLines(n))
	assert.Equal(t, want, got, "in order")
	assert.Zero(t, marked)
	done := waitStatus(t, addr, "t", func(topic proto.Topic) bool {
		return len(topic.Groups) == 2 && topic.Groups[0].Open+topic.Groups[1].Open == 0
	})
	assert.Equal(t, n, int(done.Next), "each is stored once")
	for _, g := range done.Groups {
		assert.Zero(t, g.Redelivered, g.Name)
	}
	var ofShared []string
	for _, p := range shared {
		ofOne, marked := datas(p.printed())
		assert.Zero(t, marked)
		ofShared = append(ofShared, ofOne...)
	}
	assert.Equal(t, sorted(want), sorted(ofShared))
	made := func(p *chaos.Proxy) int { return len(p.Links()) - 1 }
	assert.GreaterOrEqual(t, made(toProducer), cuts)
	assert.GreaterOrEqual(t, made(toOne), cuts)
	t.Logf("%d messages; connections that were cut: producer %d, consumers %d and %d", n, made(toProducer), made(toOne), made(toTwo))
}

// A consumer whose connection stays away longer than the grace is replaced;
// what it had not acknowledged comes to the others, and it comes back itself.
func TestAConsumerThatStaysAwayTooLongIsReplaced(t *testing.T) {
	t.Parallel()
	_, addr := startBroker(t, "-file", newFile(t), "-grace", "100ms")
	refusing := make(chan struct{})
	link, err := chaos.NewProxy(addr, func(n int) chaos.Script {
		if n == 0 {
			return nil
		}
		select {
		case <-refusing:
			return nil
		default:
			return chaos.Script{{Fault: chaos.Refuse{}}}
		}
	})
	require.NoError(t, err)
	t.Cleanup(func() { link.Close() })
	away := startConsumer(t, link.Addr(), "t", "g", "-work", "100ms", "-prefetch", "8")
	waitStatus(t, addr, "t", members(1))
	publish(t, addr, "t", numbers(8)...)
	away.waitLines(1)
	link.Inject(chaos.Both, chaos.Reset{})
	lives := startConsumer(t, addr, "t", "g", "-n", "1")
	assert.Contains(t, lives.waitLines(1)[0], " redelivered: ")
	require.Zero(t, lives.exit())
	close(refusing)
	waitStatus(t, addr, "t", func(topic proto.Topic) bool { return topic.Groups[0].Open == 0 })
	assert.Equal(t, 1, statusOf(t, addr, "t").Groups[0].Members, "it is back")
}
