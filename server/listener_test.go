package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
)

// stranger connects to l and says nothing.
func stranger(t *testing.T, l Listener) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	return nc
}

// closedByPeer waits until nc reads nothing any more.
func closedByPeer(t *testing.T, nc net.Conn) {
	t.Helper()
	_ = nc.SetReadDeadline(time.Now().Add(patience)) // fails on a pipe that is closed
	_, err := io.Copy(io.Discard, nc)
	var ne net.Error
	assert.False(t, errors.As(err, &ne) && ne.Timeout(), "still open")
}

// ended waits until end is over.
func ended(t *testing.T, end geminio.End) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := end.Receive(ctx)
	assert.Equal(t, io.EOF, err)
}

func TestEndsOfAllNetworksKnowTheSameClient(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		address := "127.0.0.1:0"
		if network == "unix" {
			address = t.TempDir() + "/s"
		}
		l, err := Listen(network, address, quiet())
		require.NoError(t, err)
		accepted := background(l.AcceptEnd)
		near, err := client.NewEnd(network, l.Addr().String(), clientOptions("me"))
		require.NoError(t, err)
		far := receive(t, accepted).v

		assert.NotZero(t, near.ClientID())
		assert.Equal(t, near.ClientID(), far.ClientID())
		assert.Equal(t, "me", string(near.Meta()))
		assert.Equal(t, "me", string(far.Meta()))
		assert.Equal(t, geminio.InitiatorSide, near.Side())
		assert.Equal(t, geminio.RecipientSide, far.Side())
		assert.Equal(t, near.RemoteAddr().String(), far.LocalAddr().String())
		assert.NoError(t, near.Close())
		assert.NoError(t, far.Close())
		assert.NoError(t, l.Close())
	}
}

func TestAcceptReturnsTheEndAsConn(t *testing.T) {
	l := listen(t, quiet())
	accepted := background(l.Accept)
	near, err := dial(l, "me")
	require.NoError(t, err)
	defer near.Close()
	far := receive(t, accepted).v
	defer far.Close()
	assert.Implements(t, (*geminio.End)(nil), far)

	go near.Write([]byte("hello"))
	b := make([]byte, 5)
	_, err = io.ReadFull(far, b)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(b))
}

func TestSilentStrangersHoldUpNobody(t *testing.T) {
	l := listen(t, quiet())
	for range 5 {
		stranger(t, l)
	}
	const clients = 20
	for i := range clients {
		dialled := background(func() (geminio.End, error) { return dial(l, fmt.Sprint(i)) })
		t.Cleanup(func() {
			if r := receive(t, dialled); assert.NoError(t, r.err) {
				r.v.Close()
			}
		})
	}
	seen := map[string]bool{}
	for range clients {
		r := receive(t, background(l.AcceptEnd))
		require.NoError(t, r.err)
		t.Cleanup(func() { r.v.Close() })
		seen[string(r.v.Meta())] = true
	}
	assert.Len(t, seen, clients)
}

func TestBlockedCallbacksHoldUpNobody(t *testing.T) {
	for _, blocked := range []string{"GetClientID", "ConnOnline"} {
		rec, release, entered := newRecorder(), make(chan struct{}), make(chan struct{}, 1)
		block := func(meta []byte) {
			if string(meta) == "slow" {
				entered <- struct{}{}
				<-release
			}
		}
		if blocked == "GetClientID" {
			rec.getClientID = func(_ uint64, meta []byte) (uint64, error) { block(meta); return 0, nil }
		} else {
			rec.getClientID = func(uint64, []byte) (uint64, error) { return 0, nil }
			rec.connOnline = func(d delegate.ConnDescriber) error { block(d.Meta()); return nil }
		}
		o := quiet()
		o.SetDelegate(rec)
		// A client that waits for the delegate has done its part: it is no
		// handshake that counts.
		o.SetLimits(options.Limits{MaxHandshakes: 1})
		l := listen(t, o)
		slow := background(func() (geminio.End, error) { return dial(l, "slow") })
		receive(t, entered)
		connect(t, l, "quick")

		close(release)
		r := receive(t, slow)
		require.NoError(t, r.err)
		r.v.Close()
		far := receive(t, background(l.AcceptEnd))
		require.NoError(t, far.err)
		assert.Equal(t, "slow", string(far.v.Meta()))
		far.v.Close()
	}
}

func TestWaitingForRemoteRPCsHoldsUpNobody(t *testing.T) {
	o := quiet()
	o.SetWaitRemoteRPCs("work")
	o.SetLimits(options.Limits{MaxHandshakes: 1})
	l := listen(t, o)
	lazy, err := dial(l, "lazy")
	require.NoError(t, err)
	defer lazy.Close()

	work := func(context.Context, geminio.Request, geminio.Response) {}
	_, far := connect(t, l, "eager", func(o *client.EndOptions) {
		o.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "work", RPC: work})
	})
	assert.Equal(t, "eager", string(far.Meta()))

	require.NoError(t, lazy.Register(context.Background(), "work", work))
	r := receive(t, background(l.AcceptEnd))
	require.NoError(t, r.err)
	assert.Equal(t, "lazy", string(r.v.Meta()))
	r.v.Close()
}

func TestStrangersErrorsAreLoggedAtDebugAndNotReturned(t *testing.T) {
	book := newLogbook()
	o := NewEndOptions()
	o.SetLog(book)
	l := listen(t, o)
	nc := stranger(t, l)
	_, err := nc.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	require.NoError(t, err)
	closedByPeer(t, nc)
	_, far := connect(t, l, "me")
	assert.Equal(t, "me", string(far.Meta()))
	require.Eventually(t, func() bool {
		for _, line := range book.all() {
			if strings.HasPrefix(line, "DEBUG handshake with "+nc.LocalAddr().String()) {
				return true
			}
		}
		return false
	}, patience, time.Millisecond)
}

func TestHandshakeErrorsAreReturnedOnDemandAsTemporary(t *testing.T) {
	for name, c := range map[string]struct {
		says    string
		limit   time.Duration
		timeout bool
	}{
		"garbage": {"GET / HTTP/1.1\r\n\r\n", patience, false},
		"silence": {"", time.Second / 2, true},
	} {
		o := quiet()
		o.SetHandshakeErrors(true)
		o.SetLimits(options.Limits{HandshakeTimeout: c.limit})
		l := listen(t, o)
		nc := stranger(t, l)
		_, err := nc.Write([]byte(c.says))
		require.NoError(t, err)
		r := receive(t, background(l.AcceptEnd))
		assert.Nil(t, r.v, name)
		var ne net.Error
		require.ErrorAs(t, r.err, &ne, name)
		var passing interface{ Temporary() bool }
		require.ErrorAs(t, r.err, &passing, name)
		assert.True(t, passing.Temporary(), name) // what accept loops ask
		assert.Equal(t, c.timeout, ne.Timeout(), name)
		connect(t, l, "me")
	}
}

func TestAcceptEndReturnsErrClosedAfterClose(t *testing.T) {
	l := listen(t, quiet())
	assert.IsType(t, &net.TCPAddr{}, l.Addr())
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	end, err := l.AcceptEnd()
	assert.Nil(t, end)
	assert.ErrorIs(t, err, net.ErrClosed)
	var op *net.OpError
	assert.ErrorAs(t, err, &op)
	nc, err := l.Accept()
	assert.Nil(t, nc)
	assert.ErrorIs(t, err, net.ErrClosed)
	_, err = net.Dial("tcp", l.Addr().String())
	assert.Error(t, err)
}

func TestCloseLeavesAcceptedEndsAlone(t *testing.T) {
	l := listen(t, quiet())
	near, far := connect(t, l, "me")
	require.NoError(t, l.Close())
	require.NoError(t, far.Register(context.Background(), "echo",
		func(_ context.Context, req geminio.Request, rsp geminio.Response) { rsp.SetData(req.Data()) }))
	rsp, err := near.Call(context.Background(), "echo", near.NewRequest([]byte("hello")))
	require.NoError(t, err)
	assert.Equal(t, "hello", string(rsp.Data()))
}

func TestCloseEndsHandshakesAndEndsThatNobodyAccepted(t *testing.T) {
	rec := newRecorder()
	o := quiet()
	o.SetDelegate(rec)
	l := listen(t, o)
	silent := stranger(t, l)
	unaccepted, err := dial(l, "unaccepted")
	require.NoError(t, err)
	rec.expect(t, "ask 0 unaccepted", "online unaccepted")

	o = quiet()
	o.SetWaitRemoteRPCs("never")
	l2 := listen(t, o)
	unfinished, err := dial(l2, "unfinished")
	require.NoError(t, err)

	require.NoError(t, l.Close())
	require.NoError(t, l2.Close())
	closedByPeer(t, silent)
	ended(t, unaccepted)
	ended(t, unfinished)
	rec.expect(t, "offline unaccepted")
}

func TestAtMostMaxConnectionsAreHeld(t *testing.T) {
	p, rec := newPipes(), newRecorder()
	o := quiet()
	o.SetDelegate(rec)
	o.SetLimits(options.Limits{MaxConnections: 1})
	hold := make(chan struct{})
	rec.connOffline = func(delegate.ConnDescriber) error { <-hold; return nil }
	l := p.serve(t, o)
	first, err := client.NewEndWithDialer(p.dial, clientOptions("first"))
	require.NoError(t, err)
	receive(t, p.calls)
	far := receive(t, background(l.AcceptEnd)).v
	rec.expect(t, "ask 0 first", "online first")

	go first.Close()
	ended(t, far)
	select {
	case <-p.calls:
		t.Fatal("accepted before ConnOffline of the only connection had returned")
	default:
	}
	close(hold)
	receive(t, p.calls)
	rec.expect(t, "offline first")
	second, err := client.NewEndWithDialer(p.dial, clientOptions("second"))
	require.NoError(t, err)
	second.Close()
	rec.expect(t, "ask 0 second", "online second", "offline second")
}

func TestFailedHandshakesGiveTheirRoomBack(t *testing.T) {
	p := newPipes()
	o := quiet()
	o.SetLimits(options.Limits{MaxHandshakes: 1, MaxConnections: 1})
	l := p.serve(t, o)
	for range 10 {
		nc, err := p.dial()
		require.NoError(t, err)
		nc.Close()
	}
	near, err := client.NewEndWithDialer(p.dial, clientOptions("me"))
	require.NoError(t, err)
	defer near.Close()
	receive(t, background(l.AcceptEnd)).v.Close()
}

func TestAcceptingPausesWhile256EndsWait(t *testing.T) {
	p := newPipes()
	l := p.serve(t, quiet())
	for range maxFinished {
		receive(t, p.calls)
		end, err := client.NewEndWithDialer(p.dial, clientOptions("me"))
		require.NoError(t, err)
		defer end.Close()
	}
	// The last ones may still be on their way into the queue.
	require.Eventually(t, func() bool {
		l := l.(*listener)
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.finished) >= maxFinished
	}, patience, time.Millisecond)
	late := background(p.dial) // at most one call of Accept was under way
	select {
	case r := <-late:
		defer r.v.Close()
		late = background(p.dial)
	case <-time.After(50 * time.Millisecond):
	}
	select {
	case <-late:
		t.Fatal("accepted while 256 Ends wait")
	case <-time.After(50 * time.Millisecond):
	}
	for range 2 {
		defer receive(t, background(l.AcceptEnd)).v.Close()
	}
	receive(t, late).v.Close()
}

func TestLimitsThatContradictAreRefusedBeforeAnythingElse(t *testing.T) {
	o := quiet()
	o.SetLimits(options.Limits{MaxHandshakes: -1})
	_, err := Listen("tcp", "127.0.0.1:0", o)
	require.ErrorContains(t, err, "MaxHandshakes")

	p := newPipes()
	_, err = NewListener(p, o)
	require.ErrorContains(t, err, "MaxHandshakes")
	receive(t, p.closed)

	near, far := net.Pipe()
	_, err = NewEndWithConn(far, o)
	require.ErrorContains(t, err, "MaxHandshakes")
	_, err = near.Read(make([]byte, 1))
	assert.Equal(t, io.EOF, err)
}

func TestSharedOptionsAreNeverChanged(t *testing.T) {
	o := quiet()
	o.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "echo", RPC: func(context.Context, geminio.Request, geminio.Response) {}})
	o.SetWaitRemoteRPCs()
	before := *o
	for range 2 {
		l := listen(t, o)
		connect(t, l, "one")
		connect(t, l, "two")
		require.NoError(t, l.Close())
	}
	assert.True(t, reflect.DeepEqual(before, *o))
}

func TestListenReturnsTheErrorOfNetListen(t *testing.T) {
	l := listen(t, quiet())
	_, err := Listen("tcp", l.Addr().String(), quiet())
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	assert.Equal(t, "listen", op.Op)
}
