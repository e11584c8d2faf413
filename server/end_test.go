package server

import (
	"context"
	"errors"
	"net"
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

// pair makes both Ends over a net.Pipe at once and returns what became of
// them.
func pair(co *client.EndOptions, so *EndOptions) (near, far result[geminio.End]) {
	c, s := net.Pipe()
	return pairOn(c, s, co, so)
}

func pairOn(c, s net.Conn, co *client.EndOptions, so *EndOptions) (near, far result[geminio.End]) {
	n := background(func() (geminio.End, error) { return client.NewEndWithConn(c, co) })
	f := background(func() (geminio.End, error) { return NewEndWithConn(s, so) })
	return <-n, <-f
}

func TestRefusalReachesTheClientInTheDelegatesWords(t *testing.T) {
	words := errors.New("no place\nfor you")
	for name, c := range map[string]struct {
		refuse func(*recorder)
		text   string
		events []string
	}{
		"GetClientID": {
			func(r *recorder) { r.getClientID = func(uint64, []byte) (uint64, error) { return 0, words } },
			words.Error(), []string{"ask 7 me"},
		},
		"ConnOnline": {
			func(r *recorder) { r.connOnline = func(delegate.ConnDescriber) error { return words } },
			words.Error(), []string{"ask 7 me", "online me"},
		},
		"GetClientID that panics": {
			func(r *recorder) { r.getClientID = func(uint64, []byte) (uint64, error) { panic("secret") } },
			"GetClientID panic", []string{"ask 7 me"},
		},
		"ConnOnline that panics": {
			func(r *recorder) { r.connOnline = func(delegate.ConnDescriber) error { panic("secret") } },
			"ConnOnline panic", []string{"ask 7 me", "online me"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			rec, book := newRecorder(), newLogbook()
			c.refuse(rec)
			o := NewEndOptions()
			o.SetLog(book)
			o.SetDelegate(rec)
			near, far := pair(clientOptions("me", wants(7)), o)
			assert.Nil(t, near.v)
			assert.EqualError(t, near.err, c.text)
			var remote *geminio.RemoteError
			assert.ErrorAs(t, near.err, &remote)
			assert.Nil(t, far.v)
			assert.EqualError(t, far.err, c.text)
			rec.expect(t, c.events...)
			rec.nothing(t)
			assert.Equal(t, strings.Contains(name, "panics"), strings.Contains(strings.Join(book.all(), "\n"), "secret"))
		})
	}
}

func TestConnOfflineFollowsConnOnlineOnceHoweverTheEndEnds(t *testing.T) {
	for name, end := range map[string]func(near, far geminio.End, raw net.Conn){
		"closed by the client": func(near, far geminio.End, raw net.Conn) { near.Close() },
		"closed by the server": func(near, far geminio.End, raw net.Conn) { far.Close() },
		"closed by both": func(near, far geminio.End, raw net.Conn) {
			go near.Close()
			far.Close()
		},
		"lost": func(near, far geminio.End, raw net.Conn) { raw.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			rec := newRecorder()
			o := quiet()
			o.SetDelegate(rec)
			c, s := net.Pipe()
			near, far := pairOn(c, s, clientOptions("me", wants(7)), o)
			require.NoError(t, near.err)
			require.NoError(t, far.err)
			rec.expect(t, "ask 7 me", "online me")
			rec.nothing(t)
			end(near.v, far.v, c)
			rec.expect(t, "offline me")
			near.v.Close()
			far.v.Close()
			ended(t, near.v)
			ended(t, far.v)
			rec.nothing(t)
		})
	}
}

func TestConnOfflineFollowsWhereTheClientLeftDuringConnOnline(t *testing.T) {
	rec, c := newRecorder(), make(chan net.Conn, 1)
	rec.connOnline = func(delegate.ConnDescriber) error { return (<-c).Close() }
	p := newPipes()
	o := quiet()
	o.SetDelegate(rec)
	o.SetHandshakeErrors(true)
	l := p.serve(t, o)
	dialler := func() (net.Conn, error) {
		nc, err := p.dial()
		c <- nc
		return nc, err
	}
	_, err := client.NewEndWithDialer(dialler, clientOptions("me", wants(7)))
	require.Error(t, err)
	r := receive(t, background(l.AcceptEnd))
	require.Error(t, r.err)
	rec.expect(t, "ask 7 me", "online me", "offline me")
	rec.nothing(t)

	rec.connOnline = nil
	near, err := client.NewEndWithDialer(p.dial, clientOptions("me", wants(7)))
	require.NoError(t, err, "the id is free again")
	near.Close()
}

func TestEndIsDescribedBeforeDuringAndAfterItsLife(t *testing.T) {
	descs := make(chan delegate.ConnDescriber, 3)
	rec := newRecorder()
	keep := func(d delegate.ConnDescriber) error { descs <- d; return nil }
	rec.connOnline, rec.connOffline = keep, keep
	beat := make(chan delegate.ConnDescriber, 1)
	rec.heartbeat = func(d delegate.ConnDescriber) error {
		select {
		case beat <- d:
		default:
		}
		panic("is caught")
	}
	o := quiet()
	o.SetDelegate(rec)
	l := listen(t, o)
	near, far := connect(t, l, "me", func(o *client.EndOptions) { o.SetHeartbeat(10 * time.Millisecond) })
	check := func(d delegate.ConnDescriber) {
		assert.Equal(t, far.ClientID(), d.ClientID())
		assert.Equal(t, "me", string(d.Meta()))
		assert.Equal(t, geminio.RecipientSide, d.Side())
		assert.Equal(t, near.LocalAddr().String(), d.RemoteAddr().String())
		assert.Equal(t, near.RemoteAddr().String(), d.LocalAddr().String())
	}
	check(receive(t, descs))
	check(receive(t, beat))
	check(receive(t, beat)) // the panic of the first did no harm
	near.Close()
	check(receive(t, descs))
}

func TestBothSidesMayRegisterAndWaitForEachOther(t *testing.T) {
	echo := func(_ context.Context, req geminio.Request, rsp geminio.Response) { rsp.SetData(req.Data()) }
	co := clientOptions("me")
	co.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "near", RPC: echo}, &geminio.MethodRPC{Method: "near2", RPC: echo})
	co.SetWaitRemoteRPCs("far", "far2")
	so := quiet()
	so.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "far", RPC: echo}, &geminio.MethodRPC{Method: "far2", RPC: echo})
	so.SetWaitRemoteRPCs("near", "near2")
	check := func(near, far result[geminio.End]) {
		require.NoError(t, near.err)
		require.NoError(t, far.err)
		for _, call := range []struct {
			end    geminio.End
			method string
		}{{near.v, "far"}, {near.v, "far2"}, {far.v, "near"}, {far.v, "near2"}} {
			rsp, err := call.end.Call(context.Background(), call.method, call.end.NewRequest([]byte("hello")))
			require.NoError(t, err)
			assert.Equal(t, "hello", string(rsp.Data()))
		}
		near.v.Close()
		far.v.Close()
	}
	check(pair(co, so))

	l := listen(t, so)
	accepted := background(l.AcceptEnd)
	near, err := client.NewEnd("tcp", l.Addr().String(), co)
	check(result[geminio.End]{near, err}, receive(t, accepted))
}

func TestWaitForRemoteRPCsEndsWithTheConnection(t *testing.T) {
	rec := newRecorder()
	so := quiet()
	so.SetDelegate(rec)
	so.SetWaitRemoteRPCs("never")
	c, s := net.Pipe()
	far := background(func() (geminio.End, error) { return NewEndWithConn(s, so) })
	near, err := client.NewEndWithConn(c, clientOptions("me", wants(7)))
	require.NoError(t, err)
	near.Close()
	r := receive(t, far)
	assert.Nil(t, r.v)
	assert.Error(t, r.err)
	rec.expect(t, "ask 7 me", "online me", "offline me")
	rec.nothing(t)
}

func TestEndWhoseRegistrationIsRefusedIsClosed(t *testing.T) {
	work := func(context.Context, geminio.Request, geminio.Response) {}
	so := quiet()
	so.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "one", RPC: work}, &geminio.MethodRPC{Method: "two", RPC: work})
	co := clientOptions("me")
	co.SetLimits(options.Limits{MaxRegistrations: 1})
	near, far := pair(co, so)
	require.NoError(t, near.err)
	assert.Nil(t, far.v)
	assert.ErrorIs(t, far.err, geminio.ErrTooManyRegistrations)
	ended(t, near.v)
	near.v.Close()

	l := listen(t, so)
	end, err := client.NewEnd("tcp", l.Addr().String(), co)
	require.NoError(t, err)
	ended(t, end)
	end.Close()
}

func TestFailedHandshakeClosesTheConn(t *testing.T) {
	so := quiet()
	so.SetLimits(options.Limits{HandshakeTimeout: 20 * time.Millisecond})
	for name, says := range map[string]string{"garbage": "GET / HTTP/1.1\r\n\r\n", "silence": ""} {
		c, s := net.Pipe()
		go c.Write([]byte(says))
		_, err := NewEndWithConn(s, so)
		require.Error(t, err, name)
		closedByPeer(t, c)
		c.Close()
	}
}

func TestTwoEndsWithoutAListenerMayHaveOneID(t *testing.T) {
	for range 2 {
		near, far := pair(clientOptions("me", wants(7)), quiet())
		require.NoError(t, near.err)
		require.NoError(t, far.err)
		assert.EqualValues(t, 7, far.v.ClientID())
		defer near.v.Close()
		defer far.v.Close()
	}
}
