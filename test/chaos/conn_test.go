package chaos_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/nettest"

	"github.com/singchia/geminio/test/chaos"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestASideIsANetConn(t *testing.T) {
	for name, script := range map[string]chaos.Script{
		"without a script": nil,
		"in slices":        {{Fault: chaos.Slice{Max: 7}}},
		"delayed":          {{Fault: chaos.Delay{Base: time.Millisecond, Jitter: time.Millisecond}}},
	} {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				a, b := chaos.Pipe(script...)
				return a, b, func() { a.Close(); b.Close() }, nil
			})
		})
	}
}

func TestAnEndedDirectionLeavesTheOther(t *testing.T) {
	client, server := chaos.Pipe()
	write(t, client, "question")
	require.NoError(t, client.CloseWrite())
	require.Equal(t, "question", rest(t, server))
	write(t, server, "answer")
	require.NoError(t, server.Close())
	require.Equal(t, "answer", rest(t, client))

	_, err := client.Write([]byte("more"))
	require.ErrorIs(t, err, syscall.EPIPE)
	require.NoError(t, client.Close())
	_, err = client.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, client.Close(), net.ErrClosed)
	require.ErrorIs(t, client.SetDeadline(time.Now()), net.ErrClosed)
}

func TestWritingToASideThatClosedFailsOnceThatIsHeard(t *testing.T) {
	client, server := chaos.Pipe()
	require.NoError(t, server.Close())
	_, err := client.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.EPIPE)

	client, server = chaos.Pipe(chaos.Step{Direction: chaos.Down, Fault: chaos.BlackHole{}})
	require.NoError(t, server.Close())
	write(t, client, "it does not know")
	require.NoError(t, client.Close())
}

func TestAbortResetsTheOtherSide(t *testing.T) {
	client, server := chaos.Pipe()
	write(t, client, "left")
	require.NoError(t, client.CloseWrite())
	require.NoError(t, client.Abort())
	require.Equal(t, "left", string(read(t, server, 4)))
	_, err := server.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = server.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.Zero(t, server.Link().Stats().Cuts, "no fault did it")
	require.NoError(t, server.Close())
}

func TestErrorsAreThoseOfTCP(t *testing.T) {
	client, server := chaos.Pipe()
	defer server.Close()
	require.NoError(t, client.SetReadDeadline(time.Now().Add(-time.Second)))
	_, err := client.Read(make([]byte, 1))
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	require.True(t, op.Timeout())
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Equal(t, "read chaos client->server: i/o timeout", err.Error())

	client.Link().Inject(chaos.Both, chaos.Reset{})
	client.Link().Inject(chaos.Both, chaos.Close{}) // too late
	require.NoError(t, client.SetReadDeadline(time.Time{}))
	_, err = client.Read(make([]byte, 1))
	require.ErrorAs(t, err, &op)
	require.False(t, op.Timeout())
	require.Equal(t, "read chaos client->server: read: connection reset by peer", err.Error())
	require.NoError(t, client.Close())
}

func TestAListenerConnects(t *testing.T) {
	l := chaos.NewListener(nil)
	client, err := l.Dial()
	require.NoError(t, err)
	waiting, err := l.Dial()
	require.NoError(t, err)
	server, err := l.Accept()
	require.NoError(t, err)
	require.Equal(t, "client 0", server.RemoteAddr().String())
	require.Equal(t, l.Addr(), server.LocalAddr())

	require.NoError(t, l.Close())
	require.ErrorIs(t, l.Close(), net.ErrClosed)
	_, err = waiting.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = l.Dial()
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	write(t, client, "lives on")
	require.Equal(t, "lives on", string(read(t, server, 8)))
	require.Equal(t, chaos.Count{In: 8, Out: 8}, l.Stats().Up)
	require.NoError(t, client.Close())
	require.NoError(t, server.Close())
	require.NoError(t, waiting.Close())
}

func TestAListenerRefusesWhereTheScriptSaysSo(t *testing.T) {
	l := chaos.NewListener(func(n int) chaos.Script {
		if n%2 == 0 {
			return chaos.Script{{Fault: chaos.Refuse{}}}
		}
		return chaos.Script{{Direction: chaos.Up, After: 3, Fault: chaos.Reset{}}}
	})
	defer l.Close()
	for range 3 {
		_, err := l.Dial()
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		c, err := l.Dial()
		require.NoError(t, err)
		s, err := l.Accept()
		require.NoError(t, err)
		c.Write([]byte("abcd"))
		got, err := io.ReadAll(s)
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.Equal(t, "abc", string(got))
		require.NoError(t, c.Close())
		require.NoError(t, s.Close())
	}
	require.Len(t, l.Links(), 3)
	require.Equal(t, 3, l.Stats().Cuts)
	l.Inject(chaos.Both, chaos.Reset{})
	require.Equal(t, 3, l.Stats().Cuts, "what has ended is not cut")
}

func TestWritesDoNotMix(t *testing.T) {
	const writers, size = 8, 512 << 10
	client, server := chaos.Pipe()
	for i := range byte(writers) {
		go client.Write(bytes.Repeat([]byte{i}, size))
	}
	for range writers {
		got := read(t, server, size)
		require.Equal(t, size, bytes.Count(got, got[:1]))
	}
	require.NoError(t, client.Close())
	require.NoError(t, server.Close())
}

func TestAConnectionThatBothSidesClosedCannotBeCut(t *testing.T) {
	client, server := chaos.Pipe(chaos.Step{Fault: chaos.Stall{}})
	require.NoError(t, client.Close())
	require.NoError(t, server.Close())
	client.Link().Inject(chaos.Both, chaos.Reset{})
	require.Zero(t, client.Link().Stats().Cuts)
}

func write(t *testing.T, c net.Conn, s string) {
	t.Helper()
	n, err := c.Write([]byte(s))
	require.NoError(t, err)
	require.Equal(t, len(s), n)
}

func read(t *testing.T, c net.Conn, n int) []byte {
	t.Helper()
	buf := make([]byte, n)
	_, err := io.ReadFull(c, buf)
	require.NoError(t, err)
	return buf
}

func rest(t *testing.T, c net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(c)
	require.NoError(t, err)
	return string(b)
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
