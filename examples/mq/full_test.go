//go:build linux || darwin

package main

import (
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/examples/mq/internal/proto"
)

// fileLimit in the environment is how long files can be that an mq writes: a
// disk that is full, for whoever writes to it.
const fileLimit = "GEMINIO_TEST_FILE_LIMIT"

func init() {
	n, err := strconv.ParseUint(os.Getenv(fileLimit), 10, 63)
	if err != nil {
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
	limit.Cur = min(limit.Max, n)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
}

// When the disk is full a producer is told so; consumers go on, what they
// acknowledge makes room, and then producers go on too.
func TestAFullDiskLosesNothingAndIsLeftAgain(t *testing.T) {
	t.Parallel()
	file := newFile(t)
	broker := startWith(t, []string{fileLimit + "=1000000"}, "broker", "-addr", "127.0.0.1:0", "-file", file)
	addr := listening(broker)
	line := strings.Repeat("x", 10_000) + "\n"
	p := feed(t, addr, strings.Repeat(line, 200))
	require.Equal(t, 1, p.exit())
	require.Contains(t, p.errors(), "file too large")
	kept := statusOf(t, addr, "t").Next
	assert.Greater(t, kept, uint64(20))
	assert.Contains(t, p.errors(), "published "+strconv.FormatUint(kept, 10)+" messages\n")

	c := startConsumer(t, addr, "t", "g", "-quiet", "-n", strconv.FormatUint(kept, 10))
	require.Zero(t, c.exit(), c.errors())
	waitStatus(t, addr, "t", func(topic proto.Topic) bool { return topic.First == kept })
	p = feed(t, addr, strings.Repeat(line, 20))
	assert.Zero(t, p.exit(), p.errors())

	broker.kill()
	_, addr = startBroker(t, "-file", file)
	c = startConsumer(t, addr, "t", "g", "-quiet", "-n", "20")
	require.Zero(t, c.exit(), c.errors())
}
