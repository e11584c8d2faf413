package traversal

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)
	return port
}

func TestAnAgentThatWasKilledTakesItsPlaceAgain(t *testing.T) {
	t.Parallel()
	pub := startInternet(t)
	args := []string{"-tcp", "echo,to=" + serveTCP(t, echo) + ",port=" + freePort(t)}
	a := startAgent(t, pub.agents, "office", args...)
	user := dial(t, a.at(t, "tcp", "echo", 1))
	_, err := user.Write([]byte("x"))
	require.NoError(t, err)
	_, err = user.Read(make([]byte, 1))
	require.NoError(t, err)

	a.kill()
	b := startAgent(t, pub.agents, "office", args...)
	assert.Equal(t, "hello", ask(t, b.at(t, "tcp", "echo", 1), "hello"), "the same port at once")
	_, err = user.Read(make([]byte, 1))
	assert.Error(t, err, "users of the one that was killed learn it")

	// One in its place while it runs: the first does not fight for it.
	c := startAgent(t, pub.agents, "office", args...)
	assert.Equal(t, "hello", ask(t, c.at(t, "tcp", "echo", 1), "hello"))
	b.logs(t, "cannot connect again, trying on: another agent of this name has taken the place of this one")
	c.terminate(t)
	assert.Equal(t, "hello", ask(t, b.at(t, "tcp", "echo", 2), "hello"), "it is back when the other one has gone")
}

func TestAPublicSideThatWasRestartedGetsItsAgentsBack(t *testing.T) {
	t.Parallel()
	addr := "127.0.0.1:" + freePort(t)
	// The agent is there first, and waits.
	a := startAgent(t, addr, "office", "-wait", "-tcp", "echo,to="+serveTCP(t, echo)+",port="+freePort(t))
	pub := startInternet(t, "-addr", addr)
	assert.Equal(t, "hello", ask(t, a.at(t, "tcp", "echo", 1), "hello"))
	pub.kill()
	pub = startInternet(t, "-addr", addr)
	assert.Equal(t, "hello", ask(t, a.at(t, "tcp", "echo", 2), "hello"))
	pub.terminate(t)
	startInternet(t, "-addr", addr)
	assert.Equal(t, "hello", ask(t, a.at(t, "tcp", "echo", 3), "hello"))
	a.terminate(t)
}

func TestAnAgentCanBeEndedWhileItConnects(t *testing.T) {
	t.Parallel()
	connected := make(chan struct{})
	silent := serveTCP(t, func(conn net.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, 1)) // the handshake, which is not answered
		close(connected)
		_, _ = io.Copy(io.Discard, conn)
	})
	a := startAgent(t, silent, "office", "-tcp", "echo,to=127.0.0.1:1")
	select {
	case <-connected:
	case <-time.After(limit):
		require.FailNow(t, "it does not connect")
	}
	begin := time.Now()
	a.terminate(t)
	assert.Less(t, time.Since(begin), 5*time.Second)
}

func TestUsersOfAProgramThatEndsAreNotToldThatAllIsWell(t *testing.T) {
	t.Parallel()
	service := "echo,to=" + serveTCP(t, echo)
	for _, who := range []string{"internet", "intranet"} {
		pub := startInternet(t)
		a := startAgent(t, pub.agents, "office", "-tcp", service)
		user := dial(t, a.at(t, "tcp", "echo", 1))
		_, err := user.Write([]byte("x"))
		require.NoError(t, err)
		_, err = user.Read(make([]byte, 1))
		require.NoError(t, err)
		if who == "internet" {
			pub.terminate(t)
		} else {
			a.terminate(t)
		}
		_, err = user.Read(make([]byte, 1))
		assert.Error(t, err, who)
		assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, who)
		assert.NotErrorIs(t, err, io.EOF, who)
	}
}
