//go:build unix

package process

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/test/harness"
)

// noticedWithin is how soon a process that does not answer what it was sent
// must be noticed.
const noticedWithin = 8 * time.Second

// stops are how long a process is stopped: once too short to be noticed, then
// so much longer than it takes to be noticed.
func stops() (short, beyond time.Duration) {
	if soak() {
		return time.Second, 12 * time.Second
	}
	return time.Second, 500 * time.Millisecond
}

// stop stops the child until meanwhile has returned.
func (c *child) stop(t *testing.T, meanwhile func()) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGSTOP))
	defer func() { require.NoError(t, c.cmd.Process.Signal(syscall.SIGCONT)) }()
	meanwhile()
}

// stopAndGoOn stops a child whose peer works on end, twice, and has it noticed
// and forgiven the second time. told is what the peer's delegate was told.
func stopAndGoOn(t *testing.T, c *child, end geminio.End, told *journal) {
	t.Helper()
	w := work(end)
	t.Cleanup(func() { _ = w.stop() })
	goesOn := func() {
		t.Helper()
		harness.Within(t, patience, "the workload", func() { w.more(5) })
		require.NoError(t, context.Cause(w.ctx))
	}
	goesOn()

	short, beyond := stops()
	c.stop(t, func() { <-time.After(short) })
	goesOn()
	assert.Empty(t, told.texts(suspended), "nobody need notice")

	c.stop(t, func() {
		begin := time.Now()
		noticed := told.await(t, suspended, 1).at.Sub(begin)
		t.Logf("noticed after %v", noticed)
		assert.LessOrEqual(t, noticed, noticedWithin)
		<-time.After(beyond)
	})
	told.await(t, resumed, 1)
	goesOn()
	assert.NoError(t, w.stop())
	assert.Empty(t, ask(t, end, twice, ""), "what came more than once")
}

func TestAServerThatWasStoppedForLessThanTheGraceIsNoError(t *testing.T) {
	t.Parallel()
	var told journal
	srv, addr, _ := startServer(t, "127.0.0.1:0")
	end := dial(t, addr, &told)
	stopAndGoOn(t, srv, end, &told)

	assertSessions(t, &told, end.ClientID(), online, suspended, resumed)
	assert.Len(t, srv.texts(online), 1)
	assert.Empty(t, srv.texts(offline))
	assert.Empty(t, srv.texts(failure))
}

func TestAClientThatWasStoppedForLessThanTheGraceIsNoError(t *testing.T) {
	t.Parallel()
	var told journal
	addr, ends := serveHere(t, &told, nil)
	cli := start(t, "client", addr)
	end := get(t, ends, "the End")
	cli.await(t, working, 1)
	stopAndGoOn(t, cli, end, &told)

	assertSessions(t, &told, clientID, online, suspended, resumed)
	cli.await(t, working, len(cli.texts(working))+2) // its own workload has gone on too
	assert.Empty(t, cli.texts(failure))
	assert.Empty(t, told.texts(failure))
}
