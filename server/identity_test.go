package server

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/delegate"
)

func TestGrantedIDTakesTheLiveEndsPlaceInOrder(t *testing.T) {
	rec := newRecorder()
	rec.getClientID = func(uint64, []byte) (uint64, error) { return 7, nil }
	o := quiet()
	o.SetDelegate(rec)
	l := listen(t, o)
	var last geminio.End
	for i, name := range []string{"a", "b", "c"} {
		near, far := connect(t, l, name)
		assert.EqualValues(t, 7, near.ClientID())
		assert.EqualValues(t, 7, far.ClientID())
		if i > 0 {
			ended(t, last)
		}
		last = near
	}
	rec.expect(t, "ask 0 a", "online a", "ask 0 b", "offline a", "online b", "ask 0 c", "offline b", "online c")
	require.NoError(t, last.Close())
	rec.expect(t, "offline c")
}

func TestNewcomerWaitsForTheOldEndsConnOffline(t *testing.T) {
	rec := newRecorder()
	rec.getClientID = func(uint64, []byte) (uint64, error) { return 7, nil }
	hold, offline := make(chan struct{}), make(chan error)
	o := quiet()
	o.SetDelegate(rec)
	l := listen(t, o)
	rec.connOffline = func(d delegate.ConnDescriber) error {
		if string(d.Meta()) == "old" {
			_, err := claim(l.(*listener).setup.sessions, 7)
			offline <- err
			<-hold
		}
		return nil
	}
	connect(t, l, "old")
	rec.expect(t, "ask 0 old", "online old")
	dialled := background(func() (geminio.End, error) { return dial(l, "new") })
	rec.expect(t, "ask 0 new")
	assert.Equal(t, geminio.ErrClientIDInUse, receive(t, offline))
	rec.nothing(t)
	close(hold)
	rec.expect(t, "offline old", "online new")
	r := receive(t, dialled)
	require.NoError(t, r.err)
	r.v.Close()
}

func TestWantedIDIsHonouredIfFreeAndElseRefused(t *testing.T) {
	granting := newRecorder()
	granting.getClientID = func(uint64, []byte) (uint64, error) { return 0, nil }
	for name, d := range map[string]*recorder{"no delegate": nil, "delegate that decides nothing": granting} {
		o := quiet()
		if d != nil {
			o.SetDelegate(d)
		}
		l := listen(t, o)
		first, far := connect(t, l, "first", wants(7))
		assert.EqualValues(t, 7, first.ClientID(), name)
		assert.EqualValues(t, 7, far.ClientID(), name)

		_, err := dial(l, "second", wants(7))
		assert.Equal(t, geminio.ErrClientIDInUse, err, name)

		require.NoError(t, first.Close())
		require.Eventually(t, func() bool { // the id is free once the server has seen the end
			second, err := dial(l, "second", wants(7))
			if err != nil {
				assert.Equal(t, geminio.ErrClientIDInUse, err, name)
				return false
			}
			assert.EqualValues(t, 7, second.ClientID(), name)
			second.Close()
			return true
		}, patience, time.Millisecond)
	}
}

func TestIDOfARefusedClientIsFreeAgain(t *testing.T) {
	rec, refuse := newRecorder(), true
	rec.getClientID = func(uint64, []byte) (uint64, error) { return 0, nil }
	rec.connOnline = func(delegate.ConnDescriber) error {
		if refuse {
			return io.ErrNoProgress
		}
		return nil
	}
	o := quiet()
	o.SetDelegate(rec)
	l := listen(t, o)
	_, err := dial(l, "me", wants(7))
	require.EqualError(t, err, io.ErrNoProgress.Error())
	refuse = false
	near, _ := connect(t, l, "me", wants(7))
	assert.EqualValues(t, 7, near.ClientID())
}

func TestIDsAreAllocatedToThoseWhoWantNone(t *testing.T) {
	l := listen(t, quiet())
	seen := map[uint64]bool{}
	for range 5 {
		near, far := connect(t, l, "me")
		assert.Equal(t, near.ClientID(), far.ClientID())
		seen[near.ClientID()] = true
	}
	assert.Len(t, seen, 5)
	assert.NotContains(t, seen, uint64(0))
}

func TestServersOwnIDGoesBeforeTheWantedOne(t *testing.T) {
	o := quiet()
	o.SetClientID(9)
	l := listen(t, o)
	near, _ := connect(t, l, "me", wants(7))
	assert.EqualValues(t, 9, near.ClientID())
	_, err := dial(l, "other", wants(7))
	assert.Equal(t, geminio.ErrClientIDInUse, err)
}

func TestDelegatesIDGoesBeforeTheServersOwn(t *testing.T) {
	rec := newRecorder()
	o := quiet()
	o.SetClientID(9)
	o.SetDelegate(rec)
	l := listen(t, o)
	near, _ := connect(t, l, "me", wants(7))
	assert.EqualValues(t, 7, near.ClientID())
}

func TestWaitForAnEndThatIsReplacedEndsWithTheListener(t *testing.T) {
	s, err := newSetup([]*EndOptions{quiet()}, true)
	require.NoError(t, err)
	s.hooks.delegate = newRecorder()
	_, err = claim(s.sessions, 7)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h := &handshake{
		setup: s, ctx: ctx, in: &conn.Incoming{ClientID: 7},
		who: func() (identity, error) { return nobody, nil },
	}
	assert.Equal(t, geminio.ErrClientIDInUse, h.admit())
}
