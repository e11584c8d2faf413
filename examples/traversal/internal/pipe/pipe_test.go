package pipe

import (
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connection returns both sides of a TCP connection.
func connection(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	a, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	b, err := ln.Accept()
	require.NoError(t, err)
	for _, c := range []net.Conn{a, b} {
		t.Cleanup(func() { c.Close() })
		require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	}
	return a.(*net.TCPConn), b.(*net.TCPConn)
}

func TestEachDirectionEndsByItself(t *testing.T) {
	user, in := connection(t)
	out, service := connection(t)
	var received, sent atomic.Int64
	joined := make(chan error, 1)
	go func() { joined <- Join(Counted{in, &received, &sent}, out) }()

	_, err := io.WriteString(user, "question")
	require.NoError(t, err)
	require.NoError(t, user.CloseWrite())
	question, err := io.ReadAll(service)
	require.NoError(t, err)
	assert.Equal(t, "question", string(question))
	_, err = io.WriteString(service, "the answer")
	require.NoError(t, err)
	require.NoError(t, service.Close())
	answer, err := io.ReadAll(user)
	require.NoError(t, err)
	assert.Equal(t, "the answer", string(answer))
	assert.NoError(t, <-joined)
	assert.EqualValues(t, len("question"), received.Load())
	assert.EqualValues(t, len("the answer"), sent.Load())
}

func TestAResetIsPassedOn(t *testing.T) {
	user, in := connection(t)
	out, service := connection(t)
	joined := make(chan error, 1)
	go func() { joined <- Join(in, out) }()
	abort(user)
	_, err := service.Read(make([]byte, 1))
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	assert.Error(t, <-joined)
}

func TestAGroupThatIsClosedAbortsItsPairs(t *testing.T) {
	var g Group
	user, in := connection(t)
	out, service := connection(t)
	joined := make(chan error, 1)
	go func() { joined <- g.Join(in, out) }()
	_, err := io.WriteString(user, "x") // it is joined when this is there
	require.NoError(t, err)
	_, err = service.Read(make([]byte, 1))
	require.NoError(t, err)
	g.Close()
	assert.Error(t, <-joined)
	for _, c := range []net.Conn{user, service} {
		_, err = c.Read(make([]byte, 1))
		assert.ErrorIs(t, err, syscall.ECONNRESET)
	}

	late, a := connection(t)
	b, _ := connection(t)
	assert.ErrorIs(t, g.Join(a, b), net.ErrClosed)
	_, err = late.Read(make([]byte, 1))
	assert.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestWhoIsRefusedSeesAnOrderlyEnd(t *testing.T) {
	user, in := connection(t)
	_, err := io.WriteString(user, "is anybody there?")
	require.NoError(t, err)
	require.NoError(t, user.CloseWrite())
	Refuse(in)
	rest, err := io.ReadAll(user)
	assert.NoError(t, err)
	assert.Empty(t, rest)
}
