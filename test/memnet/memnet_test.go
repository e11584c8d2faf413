package memnet_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/nettest"

	"github.com/singchia/geminio/test/memnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConnIsANetConn(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		a, b := memnet.Pipe()
		return a, b, func() { a.Close(); b.Close() }, nil
	})
}

func TestStallHoldsBackBytesAndTheEnd(t *testing.T) {
	a, b := memnet.Pipe()
	defer b.Close()
	a.Stall(true)
	_, err := a.Write([]byte("held"))
	require.NoError(t, err)
	require.NoError(t, a.Close())
	require.NoError(t, b.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err = b.Read(make([]byte, 8))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	require.NoError(t, b.SetReadDeadline(time.Time{}))
	a.Stall(false)
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	require.Equal(t, "held", string(got))
}

func TestDelayDeliversLate(t *testing.T) {
	a, b := memnet.Pipe()
	defer a.Close()
	defer b.Close()
	a.Delay(50 * time.Millisecond)
	start := time.Now()
	_, err := a.Write([]byte("late"))
	require.NoError(t, err)
	buf := make([]byte, 8)
	n, err := b.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "late", string(buf[:n]))
	require.GreaterOrEqual(t, time.Since(start), 50*time.Millisecond)
}

func TestBreakEndsBothSides(t *testing.T) {
	a, b := memnet.Pipe()
	reset := errors.New("reset")
	_, err := a.Write([]byte("dropped"))
	require.NoError(t, err)
	a.Break(reset)
	_, err = b.Read(make([]byte, 8))
	require.ErrorIs(t, err, reset)
	_, err = b.Write([]byte("x"))
	require.ErrorIs(t, err, reset)
}

func TestListenerConnects(t *testing.T) {
	l := memnet.Listen()
	c, err := l.Dial()
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	_, err = c.Write([]byte("hello"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	got, err := io.ReadAll(s)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))
	require.NoError(t, l.Close())
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = l.Dial()
	require.ErrorIs(t, err, net.ErrClosed)
}
