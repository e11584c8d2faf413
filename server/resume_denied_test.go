package server

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/delegate"
)

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
