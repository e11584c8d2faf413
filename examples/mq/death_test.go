package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/examples/mq/internal/proto"
)

func itoa(n int) string { return strconv.Itoa(n) }

// anonymous returns how much memory a process uses that is no file's.
func anonymous(t *testing.T, pid int) int64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("no /proc here:", err)
	}
	_, rest, _ := strings.Cut(string(data), "RssAnon:")
	kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	require.NoError(t, err)
	return kilobytes << 10
}

// The broker is killed again and again while messages are published to it. What
// the producer was told is stored must be there afterwards, for a group that
// has received nothing meanwhile, and for one that has received all the time.
func TestAKilledBrokerLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	deaths, each := 3, 100
	if soak() {
		deaths, each = 50, 2000
	}
	args := []string{"-file", newFile(t), "-grace", "500ms"}
	broker, addr := startBroker(t, args...)
	publish(t, addr, "t", "begin")
	require.Zero(t, startConsumer(t, addr, "t", "late", "-n", "1").exit()) // from now on, all is kept for it
	live := startConsumer(t, addr, "t", "live")
	waitStatus(t, addr, "t", members(1))

	producer := start(t, "producer", "-addr", addr, "-topic", "t", "-echo")
	stop, fed := make(chan struct{}), make(chan int, 1)
	var once sync.Once
	end := func() { once.Do(func() { close(stop) }) }
	t.Cleanup(end)
	go func() { // until there were enough deaths
		for n := 0; ; n++ {
			select {
			case <-stop:
				producer.stdin.Close()
				fed <- n
				return
			default:
				if _, err := fmt.Fprintf(producer.stdin, "message-%d\n", n); err != nil {
					fed <- n
					return
				}
			}
		}
	}()
	for range deaths {
		producer.waitLines(len(producer.printed()) + each/2 + rand.IntN(each))
		broker.kill()
		broker = start(t, append([]string{"broker", "-addr", addr}, args...)...)
		require.Equal(t, addr, listening(broker))
	}
	end()
	require.Zero(t, producer.exit(), producer.errors())
	acknowledged := producer.printed()
	assert.Len(t, acknowledged, <-fed, "the producer has republished what was under way")

	for name, p := range map[string]*process{"late": startConsumer(t, addr, "t", "late"), "live": live} {
		lines := p.wait("every acknowledged message", all(acknowledged))
		got, marked := datas(lines)
		unmarked := make(map[string]int)
		for i, line := range lines {
			if !strings.Contains(line, " redelivered: ") {
				unmarked[got[i]]++
			}
		}
		for data, n := range unmarked {
			assert.LessOrEqual(t, n, 1, "%s came more than once, unmarked", data)
		}
		distinct := make(map[string]bool)
		for _, data := range got {
			distinct[data] = true
		}
		t.Logf("group %s: %d deaths, %d messages acknowledged, none lost, %d came more than once, %d were marked",
			name, deaths, len(acknowledged), len(got)-len(distinct), marked)
	}
}

// all returns a condition on what a consumer printed: all of these are there.
func all(messages []string) func([]string) bool {
	missing := make(map[string]bool, len(messages))
	for _, m := range messages {
		missing[m] = true
	}
	seen := 0
	return func(lines []string) bool {
		for _, line := range lines[seen:] {
			_, data, _ := strings.Cut(line, ": ")
			delete(missing, data)
		}
		seen = len(lines)
		return len(missing) == 0
	}
}

// A broker that ends in order acknowledges what it has stored: its producer
// and consumer go on with the next one, and nothing comes twice.
func TestProducerAndConsumerOutliveARestart(t *testing.T) {
	t.Parallel()
	args := []string{"-file", newFile(t)}
	broker, addr := startBroker(t, args...)
	consumer := startConsumer(t, addr, "t", "g")
	producer := start(t, "producer", "-addr", addr, "-topic", "t", "-echo")
	send := func(lines ...string) {
		_, err := io.WriteString(producer.stdin, strings.Join(lines, "\n")+"\n")
		require.NoError(t, err)
	}
	send("before")
	consumer.waitLines(1)
	producer.waitLines(1)
	waitStatus(t, addr, "t", func(topic proto.Topic) bool { return topic.Groups[0].Open == 0 })
	broker.signal(os.Interrupt)
	require.Zero(t, broker.exit(), broker.errors())
	send("between")
	broker = start(t, append([]string{"broker", "-addr", addr}, args...)...)
	listening(broker)
	got, _ := datas(consumer.waitLines(2))
	assert.Equal(t, []string{"before", "between"}, got)
	require.NoError(t, producer.stdin.Close())
	assert.Zero(t, producer.exit(), producer.errors())
}
