package client

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
)

func told(r *recorder) *EndOptions {
	o := quiet()
	o.SetMeta([]byte("me"))
	o.SetDelegate(r)
	return o
}

func TestDialersErrorIsReturnedAsItIs(t *testing.T) {
	broken := errors.New("broken")
	end, err := NewEndWithDialer(func() (net.Conn, error) { return nil, broken }, quiet())
	assert.Nil(t, end)
	assert.Equal(t, broken, err)

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	end, err = NewEnd("tcp", ln.Addr().String(), quiet())
	assert.Nil(t, end)
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	assert.Equal(t, "dial", op.Op)
}

func TestLimitsThatContradictAreRefusedBeforeDialling(t *testing.T) {
	o := quiet()
	o.SetLimits(options.Limits{MaxBody: -1})
	_, err := NewEndWithDialer(func() (net.Conn, error) { panic("dialled") }, o)
	require.ErrorContains(t, err, "MaxBody")

	near, far := net.Pipe()
	_, err = NewEndWithConn(near, o)
	require.ErrorContains(t, err, "MaxBody")
	_, err = far.Read(make([]byte, 1))
	assert.Equal(t, io.EOF, err)
}

func TestServerThatDoesNotAnswerEndsTheHandshakeInTime(t *testing.T) {
	near, far := net.Pipe()
	drained := background(func() (int64, error) { return io.Copy(io.Discard, far) })
	rec := newRecorder()
	o := told(rec)
	o.SetLimits(options.Limits{HandshakeTimeout: 20 * time.Millisecond})
	end, err := NewEndWithConn(near, o)
	assert.Nil(t, end)
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	receive(t, drained)
	rec.nothing(t)
}

func TestServerDecidesTheID(t *testing.T) {
	for _, c := range []struct {
		want, given, got uint64
	}{{7, 0, 7}, {7, 9, 9}, {0, 9, 9}} {
		near, far := peer(func(o *server.EndOptions) {
			if c.given != 0 {
				o.SetClientID(c.given)
			}
		})
		o := quiet()
		if c.want != 0 {
			o.SetClientID(c.want)
		}
		end, err := NewEndWithConn(near, o)
		require.NoError(t, err)
		assert.Equal(t, c.got, end.ClientID())
		end.Close()
		receive(t, far).v.Close()
	}
}

func TestClientSucceedsThoughTheServerClosesAtOnce(t *testing.T) {
	l, err := server.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := background(func() (any, error) {
		for {
			end, err := l.AcceptEnd()
			if err != nil {
				return nil, err
			}
			go end.Close()
		}
	})
	for range 50 {
		end, err := NewEnd("tcp", l.Addr().String(), quiet())
		require.NoError(t, err)
		ended(t, end)
		require.NoError(t, end.Close())
	}
	require.NoError(t, l.Close())
	receive(t, closed)
}

func TestConnOfflineFollowsConnOnlineOnce(t *testing.T) {
	for name, end := range map[string]func(near, far geminio.End, raw net.Conn){
		"closed by the client": func(near, far geminio.End, raw net.Conn) { near.Close() },
		"closed by the server": func(near, far geminio.End, raw net.Conn) { far.Close() },
		"lost":                 func(near, far geminio.End, raw net.Conn) { raw.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			rec := newRecorder()
			raw, finished := peer()
			near, err := NewEndWithConn(raw, told(rec))
			require.NoError(t, err)
			far := receive(t, finished).v
			rec.expect(t, "online me")
			rec.nothing(t)
			end(near, far, raw)
			rec.expect(t, "offline me")
			near.Close()
			far.Close()
			rec.nothing(t)
		})
	}
}

func TestConnOnlineThatFailsClosesTheEndAndIsReturned(t *testing.T) {
	refused := errors.New("not today")
	for name, c := range map[string]struct {
		online func(delegate.ConnDescriber) error
		check  func(error)
	}{
		"error": {func(delegate.ConnDescriber) error { return refused }, func(err error) { assert.Equal(t, refused, err) }},
		"panic": {func(delegate.ConnDescriber) error { panic("secret") }, func(err error) { assert.EqualError(t, err, "ConnOnline panic") }},
	} {
		rec := newRecorder()
		rec.connOnline = c.online
		raw, finished := peer()
		end, err := NewEndWithConn(raw, told(rec))
		assert.Nil(t, end, name)
		c.check(err)
		far := receive(t, finished)
		require.NoError(t, far.err, name)
		ended(t, far.v)
		far.v.Close()
		rec.expect(t, "online me")
		rec.nothing(t)
	}
}

func TestConnOfflineWaitsForConnOnline(t *testing.T) {
	rec, release := newRecorder(), make(chan struct{})
	rec.connOnline = func(delegate.ConnDescriber) error { <-release; return nil }
	raw, finished := peer()
	near := background(func() (geminio.End, error) { return NewEndWithConn(raw, told(rec)) })
	rec.expect(t, "online me")
	require.NoError(t, receive(t, finished).v.Close())
	rec.nothing(t)
	close(release)
	rec.expect(t, "offline me")
	r := receive(t, near)
	require.NoError(t, r.err)
	r.v.Close()
	rec.nothing(t)
}

func TestDelegateIsToldOfConnOnlineFirst(t *testing.T) {
	rec, release := newRecorder(), make(chan struct{})
	rec.connOnline = func(delegate.ConnDescriber) error { <-release; return nil }
	raw, finished := peer()
	near := background(func() (geminio.End, error) { return NewEndWithConn(raw, told(rec)) })
	rec.expect(t, "online me")
	far := receive(t, finished).v
	registered := background(func() (any, error) {
		return nil, far.Register(context.Background(), "work", func(context.Context, geminio.Request, geminio.Response) {})
	})
	opened := background(func() (geminio.Stream, error) { return far.OpenStream() })
	rec.nothing(t)
	close(release)
	require.NoError(t, receive(t, registered).err)
	require.NoError(t, receive(t, opened).err)
	assert.ElementsMatch(t, []string{"registered work", "stream online"}, []string{receive(t, rec.events), receive(t, rec.events)})
	end := receive(t, near).v
	end.Close()
	far.Close()
	rec.expect(t, "offline me")
}

func TestNothingIsToldAfterConnOnlineHasFailed(t *testing.T) {
	rec := newRecorder()
	rec.connOnline = func(delegate.ConnDescriber) error { return io.ErrNoProgress }
	h := newHooks(rec, quiet().Log)
	early := background(func() (any, error) {
		h.remoteRegistration("work", 7, 1)
		h.offline()
		return nil, h.DialogueOnline(nil)
	})
	require.Equal(t, io.ErrNoProgress, h.online(describer{}))
	assert.Error(t, receive(t, early).err)
	rec.expect(t, "online me")
	rec.nothing(t)
}

type describer struct{ delegate.ConnDescriber }

func (describer) Meta() []byte { return []byte("me") }

func TestWaitForRemoteRPCsEndsWithTheConnection(t *testing.T) {
	rec := newRecorder()
	raw, finished := peer()
	o := told(rec)
	o.SetWaitRemoteRPCs("never")
	near := background(func() (geminio.End, error) { return NewEndWithConn(raw, o) })
	require.NoError(t, receive(t, finished).v.Close())
	r := receive(t, near)
	assert.Nil(t, r.v)
	assert.Error(t, r.err)
	rec.expect(t, "online me", "offline me")
	rec.nothing(t)
}

func TestEndWhoseRegistrationIsRefusedIsClosed(t *testing.T) {
	work := func(context.Context, geminio.Request, geminio.Response) {}
	rec := newRecorder()
	o := told(rec)
	o.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "one", RPC: work}, &geminio.MethodRPC{Method: "two", RPC: work})
	raw, finished := peer(func(o *server.EndOptions) { o.SetLimits(options.Limits{MaxRegistrations: 1}) })
	end, err := NewEndWithConn(raw, o)
	assert.Nil(t, end)
	assert.ErrorIs(t, err, geminio.ErrTooManyRegistrations)
	far := receive(t, finished).v
	ended(t, far)
	far.Close()
	rec.expect(t, "online me", "offline me")
}

func TestSharedOptionsAreNeverChanged(t *testing.T) {
	o := quiet()
	o.SetClientID(7)
	o.SetMeta([]byte("me"))
	o.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "work", RPC: func(context.Context, geminio.Request, geminio.Response) {}})
	before := *o
	for range 2 {
		raw, finished := peer()
		end, err := NewEndWithConn(raw, nil, o)
		require.NoError(t, err)
		end.Close()
		receive(t, finished).v.Close()
	}
	assert.True(t, reflect.DeepEqual(before, *o))
	assert.EqualValues(t, 7, *o.ClientID)
}

func TestZeroOptionsWork(t *testing.T) {
	raw, finished := peer()
	end, err := NewEndWithConn(raw, &EndOptions{})
	require.NoError(t, err)
	assert.NotZero(t, end.ClientID())
	end.Close()
	receive(t, finished).v.Close()
}
