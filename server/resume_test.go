package server

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
)

// A roamer is a client whose session outlives its connections.
type roamer struct {
	*application.End
	t         *testing.T
	dial      func() (net.Conn, error)
	c         *conn.Conn
	nc        net.Conn
	suspended chan error
}

type dialer func() (net.Conn, error)

// over dials l.
func over(l Listener) dialer {
	return func() (net.Conn, error) { return net.Dial(l.Addr().Network(), l.Addr().String()) }
}

// roam connects a client that wants to go by wanted.
func roam(t *testing.T, dial dialer, name string, wanted uint64) *roamer {
	t.Helper()
	r := &roamer{t: t, dial: dial, suspended: make(chan error, 100)}
	var err error
	r.nc, err = dial()
	require.NoError(t, err)
	limits, err := options.Limits{}.WithDefaults()
	require.NoError(t, err)
	offer := application.Offer(limits)
	offer.Publisher = [16]byte{1}
	r.c, err = conn.Client(r.nc, conn.Config{
		Log: newLogbook(), Offer: offer, Resume: true,
		Suspended: func(cause error) { r.suspended <- cause },
	}, wanted, []byte(name))
	require.NoError(t, err)
	r.End = application.New(r.c, application.Config{
		Log: newLogbook(), Limits: limits, Peer: r.c.Peer(), ClientID: r.c.ClientID(), Meta: r.c.Meta(),
	})
	r.c.Start(r.End.Mux())
	t.Cleanup(func() {
		r.Close()
		r.c.GiveUp(io.EOF)
		r.nc.Close()
	})
	return r
}

// cut takes the connection from the session.
func (r *roamer) cut() {
	r.t.Helper()
	r.nc.Close()
	receive(r.t, r.suspended)
}

// resume goes on over a new connection, and returns what Resume does.
func (r *roamer) resume() (*conn.Conn, error) {
	r.t.Helper()
	nc, err := r.dial()
	require.NoError(r.t, err)
	r.nc = nc
	next, err := r.c.Resume(nc, false)
	if next != nil {
		r.t.Cleanup(func() { nc.Close() })
	}
	return next, err
}

// goesOn resumes, and finds that both Ends of the session work.
func (r *roamer) goesOn(far geminio.End) {
	r.t.Helper()
	next, err := r.resume()
	require.NoError(r.t, err)
	require.Nil(r.t, next)
	r.works(far)
}

// works finds that both Ends reach each other.
func (r *roamer) works(far geminio.End) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	echo := func(_ context.Context, req geminio.Request, rsp geminio.Response) { rsp.SetData(req.Data()) }
	for _, ends := range [][2]geminio.End{{r, far}, {far, r}} {
		require.NoError(r.t, ends[0].Register(ctx, "echo", echo))
		rsp, err := ends[1].Call(ctx, "echo", ends[1].NewRequest([]byte("hello")))
		require.NoError(r.t, err)
		assert.Equal(r.t, "hello", string(rsp.Data()))
	}
}

// away waits until the server has seen that l's session of that id lost its
// connection.
func away(t *testing.T, s *Sessions, id uint64) {
	t.Helper()
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		h := s.holders[id]
		return h != nil && h.away
	}, patience, time.Millisecond)
}

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
	assert.Equal(t, 30*time.Second, r.c.Grace())

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
		assert.Equal(t, c.listener, r.c.Grace(), name)
		assert.Equal(t, c.listener == 0, r.c.SessionID() == [16]byte{}, name)

		p := newPipes()
		accepted := background(func() (geminio.End, error) {
			nc, err := p.Accept()
			require.NoError(t, err)
			return NewEndWithConn(nc, c.o)
		})
		r = roam(t, p.dial, "me", 0)
		receive(t, accepted)
		assert.Equal(t, c.conn, r.c.Grace(), name)
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
		nc, err := over(l)()
		require.NoError(t, err)
		next, err := r.c.Resume(nc, true)
		require.NoError(t, err, name)
		require.NotNil(t, next, name)
		assert.EqualValues(t, 7, next.ClientID(), name)
		far := receive(t, accepted)
		require.NoError(t, far.err, name)
		assert.EqualValues(t, 7, far.v.ClientID(), name)
		nc.Close()
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

func TestSessionGoesOnForItsIdentityAlone(t *testing.T) {
	for name, c := range map[string]struct {
		first, then string
		goesOn      bool
	}{
		"the same":     {"alice", "alice", true},
		"nobody":       {"", "", true},
		"another":      {"alice", "bob", false},
		"nobody again": {"alice", "", false},
		"a name late":  {"", "alice", false},
	} {
		rec := newRecorder()
		names := make(chan string, 2)
		names <- c.first
		names <- c.then
		o := quiet()
		o.SetDelegate(&authenticator{rec, func(context.Context, delegate.AuthInfo) (string, error) { return <-names, nil }})
		l := listen(t, o)
		r := roam(t, over(l), "me", 7)
		far := receive(t, background(l.AcceptEnd)).v
		r.cut()
		if c.goesOn {
			r.goesOn(far)
			continue
		}
		rec.expect(t, "ask 7 me", "online me")
		next, err := r.resume()
		assert.Nil(t, next, name)
		assert.Equal(t, geminio.ErrClientIDInUse, err, name)
		assert.Empty(t, names, "asked once for each connection")
		rec.expect(t, "ask 7 me") // as a newcomer
		rec.nothing(t)
	}
}

func TestAuthenticateThatRefusesLeavesTheSessionAsItWas(t *testing.T) {
	refuse := make(chan error, 3)
	refuse <- nil
	refuse <- errors.New("not now")
	o := quiet()
	o.SetDelegate(&authenticator{newRecorder(), func(context.Context, delegate.AuthInfo) (string, error) { return "alice", <-refuse }})
	l := listen(t, o)
	r := roam(t, over(l), "me", 7)
	receive(t, background(l.AcceptEnd))
	r.cut()
	away(t, l.(*listener).setup.sessions, 7)
	_, err := r.resume()
	assert.EqualError(t, err, "not now")
	away(t, l.(*listener).setup.sessions, 7)
}

// gatekeeper is a recorder that is also asked whether sessions may go on.
type gatekeeper struct {
	*recorder
	authorize func(delegate.ConnDescriber, net.Conn) error
}

func (g *gatekeeper) AuthorizeResume(old delegate.ConnDescriber, nc net.Conn) error {
	return g.authorize(old, nc)
}

func TestAuthorizeResumeSeesBothConnectionsAndMayRefuse(t *testing.T) {
	type asked struct {
		old delegate.ConnDescriber
		nc  net.Conn
	}
	seen := make(chan asked, 1)
	answer := make(chan error, 1)
	rec := newRecorder()
	o := quiet()
	o.SetDelegate(&gatekeeper{rec, func(old delegate.ConnDescriber, nc net.Conn) error {
		seen <- asked{old, nc}
		return <-answer
	}})
	l := listen(t, o)
	r := roam(t, over(l), "me", 7)
	first := r.nc.LocalAddr().String()
	far := receive(t, background(l.AcceptEnd)).v
	rec.expect(t, "ask 7 me", "online me")
	r.cut()
	answer <- nil
	r.goesOn(far)
	a := receive(t, seen)
	assert.EqualValues(t, 7, a.old.ClientID())
	assert.Equal(t, first, a.old.RemoteAddr().String())
	assert.Equal(t, r.nc.LocalAddr().String(), a.nc.RemoteAddr().String())

	r.cut()
	answer <- errors.New("from there?")
	accepted := background(l.AcceptEnd)
	next, err := r.resume()
	require.NoError(t, err)
	require.NotNil(t, next, "it may begin anew")
	assert.EqualValues(t, 7, next.ClientID(), "the id is granted to it, so it takes its own place")
	rec.expect(t, "ask 7 me", "offline me", "online me")
	require.NoError(t, receive(t, accepted).err)
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

func TestNewcomerTakesThePlaceOfASessionThatWaits(t *testing.T) {
	rec := newRecorder()
	rec.getClientID = func(uint64, []byte) (uint64, error) { return 0, nil }
	o := quiet()
	o.SetDelegate(rec)
	l := listen(t, o)
	r := roam(t, over(l), "old", 7)
	far := receive(t, background(l.AcceptEnd)).v
	_, err := dial(l, "early", wants(7))
	assert.Equal(t, geminio.ErrClientIDInUse, err)
	r.cut()
	away(t, l.(*listener).setup.sessions, 7)
	connect(t, l, "new", wants(7))
	rec.expect(t, "ask 7 old", "online old", "ask 7 early", "ask 7 new", "offline old", "online new")
	_, err = far.Read(make([]byte, 1))
	assert.ErrorIs(t, err, geminio.ErrSessionLost)
	assert.ErrorIs(t, err, conn.ErrReplaced)
}

func TestOldestSessionThatWaitsIsLostToANewerOne(t *testing.T) {
	rec := newRecorder()
	o := quiet()
	o.SetDelegate(rec)
	o.SetSessions(bounded(1, 1<<20, 10))
	l := listen(t, o)
	a := roam(t, over(l), "a", 1)
	farA := receive(t, background(l.AcceptEnd)).v
	b := roam(t, over(l), "b", 2)
	farB := receive(t, background(l.AcceptEnd)).v
	rec.expect(t, "ask 1 a", "online a", "ask 2 b", "online b")
	a.cut()
	away(t, o.Sessions, 1)
	b.cut()
	rec.expect(t, "offline a")
	_, err := farA.Read(make([]byte, 1))
	assert.ErrorIs(t, err, conn.ErrEvicted)
	b.goesOn(farB)
	next, err := a.resume()
	require.NoError(t, err)
	assert.NotNil(t, next, "nobody knows its session any more")
	rec.expect(t, "ask 1 a", "online a")
}

func TestSessionThatHasNoRoomAtAllEndsAtOnce(t *testing.T) {
	rec := newRecorder()
	o := quiet()
	o.SetDelegate(&suspender{rec})
	o.SetSessions(bounded(0, 1<<20, 10))
	l := listen(t, o)
	r := roam(t, over(l), "me", 7)
	receive(t, background(l.AcceptEnd))
	r.cut()
	rec.expect(t, "ask 7 me", "online me", "suspended me", "offline me")
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
