package server

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
)

// suspender is a recorder that is also told of suspensions.
type suspender struct{ *recorder }

func (s *suspender) ConnSuspended(d delegate.ConnDescriber) {
	s.events <- "suspended " + string(d.Meta())
}

func (s *suspender) ConnResumed(d delegate.ConnDescriber) { s.events <- "resumed " + string(d.Meta()) }

func TestSessionGoesOnOverANewConnectionAndNobodyIsTold(t *testing.T) {
	rec := newRecorder()
	o := quiet()
	o.SetDelegate(rec)
	l := listen(t, o)
	r := roam(t, over(l), "me", 7)
	far := receive(t, background(l.AcceptEnd)).v
	first := r.nc.LocalAddr().String()
	stream, err := r.OpenStream()
	require.NoError(t, err)
	at, err := far.AcceptStream()
	require.NoError(t, err)
	for range 3 {
		r.cut()
		r.goesOn(far)
	}
	assert.Equal(t, first, far.RemoteAddr().String(), "it stays what it was")
	_, err = stream.Write([]byte("hello"))
	require.NoError(t, err)
	b := make([]byte, 5)
	_, err = io.ReadFull(at, b)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(b))

	rec.expect(t, "ask 7 me", "online me")
	connect(t, l, "other") // the next End is this one, not the session again
	rec.expect(t, "ask 0 other", "online other")
	require.NoError(t, r.Close())
	rec.expect(t, "offline me")
	rec.nothing(t)
}

func TestSuspendDelegateIsToldInOrder(t *testing.T) {
	rec := newRecorder()
	o := quiet()
	o.SetDelegate(&suspender{rec})
	l := listen(t, o)
	r := roam(t, over(l), "me", 7)
	far := receive(t, background(l.AcceptEnd)).v
	rec.expect(t, "ask 7 me", "online me")
	for range 3 {
		r.cut()
		rec.expect(t, "suspended me")
		r.goesOn(far)
		rec.expect(t, "resumed me")
	}
	r.cut()
	rec.expect(t, "suspended me")
	receive(t, background(func() (bool, error) {
		l.(*listener).setup.sessions.holders[7].replace()
		return true, nil
	}))
	rec.expect(t, "offline me")
	rec.nothing(t)
}

// stranded is a connection whose Close only this side notices.
type stranded struct{ net.Conn }

func (s stranded) Close() error { return s.SetDeadline(time.Unix(1, 0)) }

func TestClientThatComesBackBeforeItIsMissedTakesTheSessionWithIt(t *testing.T) {
	rec := newRecorder()
	o := quiet()
	o.SetDelegate(&suspender{rec})
	l := listen(t, o)
	r := roam(t, func() (net.Conn, error) {
		nc, err := over(l)()
		if err == nil {
			t.Cleanup(func() { nc.Close() })
		}
		return stranded{nc}, err
	}, "me", 7)
	far := receive(t, background(l.AcceptEnd)).v
	rec.expect(t, "ask 7 me", "online me")
	for range 3 {
		r.cut()
		r.goesOn(far)
		rec.expect(t, "suspended me", "resumed me")
		assert.Equal(t, 1, connections(l))
	}
}

func TestNewEndWithConnHandsTheConnectionToItsSession(t *testing.T) {
	sessions := NewSessions()
	p := newPipes()
	defer p.Close()
	rec := newRecorder()
	accept := func() (geminio.End, error) {
		nc, err := p.Accept()
		require.NoError(t, err)
		o := quiet()
		o.SetSessions(sessions)
		o.SetDelegate(rec)
		return NewEndWithConn(nc, o)
	}
	accepted := background(accept)
	r := roam(t, p.dial, "me", 7)
	far := receive(t, accepted).v
	assert.Equal(t, 30*time.Second, graceOf(r))

	r.cut()
	accepted = background(accept)
	next, err := r.resume()
	require.NoError(t, err)
	assert.Nil(t, next)
	a := receive(t, accepted)
	assert.Nil(t, a.v)
	assert.Equal(t, ErrSessionResumed, a.err)
	r.works(far)
	rec.expect(t, "ask 7 me", "online me")
	require.NoError(t, r.Close())
	rec.expect(t, "offline me")
}

func TestWhoIsGrantedASession(t *testing.T) {
	grace := func(d time.Duration) *EndOptions {
		o := quiet()
		o.SetResumeGrace(d)
		return o
	}
	sharing := func(o *EndOptions) *EndOptions {
		o.SetSessions(NewSessions())
		return o
	}
	for name, c := range map[string]struct {
		o              *EndOptions
		listener, conn time.Duration
	}{
		"by default":               {quiet(), 30 * time.Second, 0},
		"with sessions":            {sharing(quiet()), 30 * time.Second, 30 * time.Second},
		"with a grace":             {grace(time.Hour), time.Hour, 0},
		"with sessions and grace":  {sharing(grace(24 * time.Hour)), 24 * time.Hour, 24 * time.Hour},
		"switched off":             {grace(0), 0, 0},
		"with sessions, but off":   {sharing(grace(0)), 0, 0},
		"less than a tick of time": {sharing(grace(1)), time.Millisecond, time.Millisecond},
	} {
		l := listen(t, c.o)
		r := roam(t, over(l), "me", 0)
		receive(t, background(l.AcceptEnd))
		assert.Equal(t, c.listener, graceOf(r), name)
		assert.Equal(t, c.listener == 0, r.c.SessionID() == [16]byte{}, name)

		p := newPipes()
		accepted := background(func() (geminio.End, error) {
			nc, err := p.Accept()
			require.NoError(t, err)
			return NewEndWithConn(nc, c.o)
		})
		r = roam(t, p.dial, "me", 0)
		receive(t, accepted)
		assert.Equal(t, c.conn, graceOf(r), name)
		assert.Equal(t, c.conn == 0, r.c.SessionID() == [16]byte{}, name)
		p.Close()
	}
}

func TestImpossibleGraceFailsTheConstructor(t *testing.T) {
	for _, d := range []time.Duration{-1, 24*time.Hour + 1} {
		o := quiet()
		o.SetResumeGrace(d)
		_, err := Listen("tcp", "127.0.0.1:0", o)
		assert.ErrorContains(t, err, "grace")
		p := newPipes()
		_, err = NewListener(p, o)
		assert.ErrorContains(t, err, "grace")
		_, err = p.dial()
		assert.ErrorIs(t, err, net.ErrClosed)
		near, far := net.Pipe()
		_, err = NewEndWithConn(far, o)
		assert.ErrorContains(t, err, "grace")
		closedByPeer(t, near)
	}
}

func TestListenersWithTheSameSessionsGoOnWithEachOthers(t *testing.T) {
	o := quiet()
	o.SetSessions(NewSessions())
	l := listen(t, o)
	r := roam(t, over(l), "me", 7)
	far := receive(t, background(l.AcceptEnd)).v
	require.NoError(t, l.Close())
	r.works(far)
	r.cut()

	l = listen(t, o)
	r.dial = over(l)
	r.goesOn(far)
	_, err := dial(l, "other", wants(7))
	assert.Equal(t, geminio.ErrClientIDInUse, err)
}

func TestListenerWithoutTheSessionsBeginsANewOne(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(*EndOptions)
		elsewhere bool // it is not what the session began on
	}{
		"other sessions": {func(o *EndOptions) { o.SetSessions(NewSessions()) }, true},
		"switched off":   {func(o *EndOptions) { o.SetResumeGrace(0) }, false},
	} {
		o := quiet()
		o.SetSessions(NewSessions())
		l := listen(t, o)
		r := roam(t, over(l), "me", 7)
		receive(t, background(l.AcceptEnd))
		require.NoError(t, l.Close())
		r.cut()
		away(t, o.Sessions, 7)
		sessions := o.Sessions

		c.change(o)
		l = listen(t, o)
		r.dial = over(l)
		if c.elsewhere {
			_, err := r.resume()
			assert.Equal(t, conn.ErrUnknown, err, "the client would rather find the one that knows it")
		}
		accepted := background(l.AcceptEnd)
		next, err := r.resumeAt(true)
		require.NoError(t, err, name)
		require.NotNil(t, next, name)
		assert.EqualValues(t, 7, next.ClientID(), name)
		far := receive(t, accepted)
		require.NoError(t, far.err, name)
		assert.EqualValues(t, 7, far.v.ClientID(), name)
		ended(t, r.End)
		for _, h := range sessions.all() {
			h.session.GiveUp(io.EOF)
		}
	}
}

// all returns all that have an id.
func (s *Sessions) all() (all []*holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.holders {
		all = append(all, h)
	}
	return all
}

func TestSessionThatWaitsTakesNoneOfTheConnections(t *testing.T) {
	p := newPipes()
	o := quiet()
	o.SetLimits(options.Limits{MaxConnections: 1})
	l := p.serve(t, o)
	r := roam(t, p.dial, "me", 7)
	receive(t, p.calls)
	far := receive(t, background(l.AcceptEnd)).v
	for range 3 {
		assert.Empty(t, p.calls, "no more are accepted while it is connected")
		r.cut()
		receive(t, p.calls)
		r.goesOn(far)
	}
	assert.Empty(t, p.calls)
	r.cut()
	receive(t, p.calls)
	near, err := client.NewEndWithDialer(p.dial, clientOptions("other"))
	require.NoError(t, err)
	near.Close()
	receive(t, p.calls)
	r.goesOn(far)
	require.NoError(t, r.Close())
	receive(t, p.calls)
	assert.Equal(t, 0, connections(l))
}

// connections returns how many l counts.
func connections(l Listener) int {
	ln := l.(*listener)
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return ln.connections
}

func TestWhatWasWrittenBeforeACloseIsFetchedLater(t *testing.T) {
	rec := newRecorder()
	o := quiet()
	o.SetDelegate(rec)
	l := listen(t, o)
	r := roam(t, over(l), "me", 7)
	far := receive(t, background(l.AcceptEnd)).v
	rec.expect(t, "ask 7 me", "online me")
	r.cut()
	away(t, l.(*listener).setup.sessions, 7)
	_, err := far.Write([]byte("last words"))
	require.NoError(t, err)
	require.NoError(t, far.Close())
	rec.expect(t, "offline me")

	next, err := r.resume()
	require.NoError(t, err)
	require.Nil(t, next)
	words, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Equal(t, "last words", string(words))
	require.NoError(t, r.Close())
	require.Eventually(t, func() bool { return connections(l) == 0 }, patience, time.Millisecond)
	s := l.(*listener).setup.sessions
	s.mu.Lock()
	defer s.mu.Unlock()
	assert.Empty(t, s.sessions)
	assert.Zero(t, s.detached.oldestFirst.Len())
}

func TestEndIsNotFinishedByACutBeforeItsMethodsAreThere(t *testing.T) {
	o := quiet()
	o.SetWaitRemoteRPCs("work")
	l := listen(t, o)
	r := roam(t, over(l), "me", 7)
	accepted := background(l.AcceptEnd)
	for range 2 {
		r.cut()
		_, err := r.resume()
		require.NoError(t, err)
	}
	require.NoError(t, r.Register(context.Background(), "work", func(context.Context, geminio.Request, geminio.Response) {}))
	a := receive(t, accepted)
	require.NoError(t, a.err)
	assert.EqualValues(t, 7, a.v.ClientID())
}

func TestPublisherIsKnownFromOneSessionToTheNext(t *testing.T) {
	l := listen(t, quiet())
	first := roam(t, over(l), "me", 0)
	receive(t, background(l.AcceptEnd))
	assert.False(t, first.c.Peer().PublisherKnown)
	require.NoError(t, first.Close())
	second := roam(t, over(l), "me", 0)
	receive(t, background(l.AcceptEnd))
	assert.True(t, second.c.Peer().PublisherKnown)
}
