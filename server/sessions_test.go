package server

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/pkg/id"
)

// fakeSession is a session without a connection, which tells how it is ended.
type fakeSession struct {
	id   [16]byte
	held int
	ends chan error
}

func newFakeSession(id byte) *fakeSession {
	return &fakeSession{id: [16]byte{id, 1}, ends: make(chan error, 10)}
}

func (f *fakeSession) SessionID() [16]byte { return f.id }
func (f *fakeSession) Held() int           { return f.held }
func (f *fakeSession) Replace()            { f.ends <- conn.ErrReplaced }
func (f *fakeSession) GiveUp(cause error)  { f.ends <- cause }

// online has f be the session of h.
func online(h *holder, f *fakeSession) *fakeSession {
	h.begin(&describer{clientID: h.id}, f, ignore)
	h.run()
	return f
}

// claim holds id, for nobody, where it is to be had at once.
func claim(s *Sessions, id uint64) (*holder, error) {
	return s.hold(context.Background(), id, nobody)
}

func TestClaimedIDIsRefusedUntilReleased(t *testing.T) {
	s := NewSessions()
	h, err := claim(s, 7)
	require.NoError(t, err)
	_, err = claim(s, 7)
	assert.Equal(t, geminio.ErrClientIDInUse, err)
	_, err = claim(s, 8)
	assert.NoError(t, err)

	h.release()
	_, err = claim(s, 7)
	assert.NoError(t, err)
}

func TestAllocatedIDIsNeverOneThatWasAskedFor(t *testing.T) {
	s := NewSessions()
	claimed := map[uint64]bool{}
	next := id.DefaultIncIDCounter.GetID()
	for second := range uint64(3) { // the clock may go on meanwhile
		for n := range uint64(50) {
			wanted := next + second<<32 + n + 1
			_, err := claim(s, wanted)
			require.NoError(t, err)
			claimed[wanted] = true
		}
	}
	for range 20 {
		h := s.allocate(nobody)
		assert.NotZero(t, h.id)
		assert.NotContains(t, claimed, h.id)
	}
}

var granted = identity{source: byGrant}

// takeOver starts to take id over and returns where its end will be told.
func takeOver(ctx context.Context, s *Sessions, clientID uint64) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := s.hold(ctx, clientID, granted)
		done <- err
	}()
	return done
}

func TestTakeoverReplacesTheHolderAndWaitsForIt(t *testing.T) {
	s := NewSessions()
	old, err := claim(s, 7)
	require.NoError(t, err)
	f := online(old, newFakeSession(1))

	done := takeOver(context.Background(), s, 7)
	assert.Equal(t, conn.ErrReplaced, receive(t, f.ends))
	select {
	case <-done:
		t.Fatal("taken over before the holder was gone")
	default:
	}
	old.end()
	old.release()
	assert.NoError(t, receive(t, done))
	_, err = claim(s, 7)
	assert.Equal(t, geminio.ErrClientIDInUse, err)
}

func TestTakeoverWaitsForAHolderWithoutConnection(t *testing.T) {
	s := NewSessions()
	old, err := claim(s, 7)
	require.NoError(t, err)
	done := takeOver(context.Background(), s, 7)
	f := online(old, newFakeSession(1))
	receive(t, f.ends)
	old.release()
	assert.NoError(t, receive(t, done))
}

func TestTakeoverOfAHolderThatIsRefusedReplacesNothing(t *testing.T) {
	s := NewSessions()
	old, err := claim(s, 7)
	require.NoError(t, err)
	done := takeOver(context.Background(), s, 7)
	old.release()
	assert.NoError(t, receive(t, done))
}

func TestTakeoverEndsWithItsContext(t *testing.T) {
	s := NewSessions()
	_, err := claim(s, 7)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := takeOver(ctx, s, 7)
	cancel()
	assert.Equal(t, geminio.ErrClientIDInUse, receive(t, done))
}

func TestRivalTakeoversAllHaveTheirTurn(t *testing.T) {
	s := NewSessions()
	const rivals = 20
	holders := make(chan *holder, rivals)
	for n := range rivals {
		go func() {
			h, err := s.hold(context.Background(), 7, granted)
			if assert.NoError(t, err) {
				online(h, newFakeSession(byte(n)))
				holders <- h
			}
		}()
	}
	for range rivals {
		h := receive(t, holders)
		h.end()
		h.release()
	}
	assert.Empty(t, s.holders)
	assert.Empty(t, s.sessions)
}

// find looks for the session of f, whose client goes by id 0.
func find(s *Sessions, f *fakeSession) *holder { return s.find(context.Background(), f.id, 0) }

func TestSessionIsFoundUntilItIsOverThoughItsIDIsFree(t *testing.T) {
	s := NewSessions()
	h := s.allocate(nobody)
	f := newFakeSession(1)
	assert.Nil(t, find(s, f))
	online(h, f)
	assert.Same(t, h, find(s, f))
	h.release() // ConnOffline has returned, what was said before is still going out
	assert.Same(t, h, find(s, f))
	h.end()
	assert.Nil(t, find(s, f))
}

func TestEndWithoutSessionIsNotFound(t *testing.T) {
	s := NewSessions()
	f := newFakeSession(0)
	f.id = [16]byte{} // it does not outlive its connection
	h := s.allocate(nobody)
	online(h, f)
	assert.Nil(t, find(s, f))
	h.end()
	h.release()
}

func TestEachConnectionOfASessionGivesItsPlaceBackOnce(t *testing.T) {
	type places struct {
		h     *holder
		freed []string
	}
	resume := func(p *places, name string) {
		p.h.resumed()
		p.h.carriedBy(func() { p.freed = append(p.freed, name) })
	}
	for name, c := range map[string]struct {
		steps func(*places)
		freed []string // before the last steps, which end and release it
	}{
		"connected":         {func(p *places) {}, nil},
		"waits":             {func(p *places) { p.h.suspended() }, []string{"a"}},
		"goes on":           {func(p *places) { p.h.suspended(); resume(p, "b") }, []string{"a"}},
		"goes on and waits": {func(p *places) { p.h.suspended(); resume(p, "b"); p.h.suspended() }, []string{"a", "b"}},
		"is cut before it was told what carries it": {func(p *places) {
			p.h.suspended()
			p.h.resumed()
			p.h.suspended()
			p.h.carriedBy(func() { p.freed = append(p.freed, "b") })
		}, []string{"a", "b"}},
		"is over before it was told what carries it": {func(p *places) {
			p.h.suspended()
			p.h.resumed()
			p.h.end()
			p.h.carriedBy(func() { p.freed = append(p.freed, "b") })
		}, []string{"a"}},
		"is over before it was told that it was suspended": {func(p *places) {
			p.h.end()
			p.h.suspended()
		}, nil},
		"is over, but not yet its ConnOffline":     {func(p *places) { p.h.end() }, nil},
		"its ConnOffline has returned, not more":   {func(p *places) { p.h.release() }, nil},
		"goes on after its ConnOffline to say all": {func(p *places) { p.h.release(); p.h.suspended(); resume(p, "b") }, []string{"a"}},
		"goes on though nothing is left of it": {func(p *places) {
			p.h.suspended()
			p.h.end()
			p.h.release()
			p.h.carriedBy(func() { p.freed = append(p.freed, "b") })
		}, []string{"a", "b"}},
	} {
		s := NewSessions()
		p := &places{h: s.allocate(nobody)}
		p.h.begin(&describer{}, newFakeSession(1), func() { p.freed = append(p.freed, "a") })
		p.h.run()
		c.steps(p)
		assert.Equal(t, c.freed, p.freed, name)
		all := []string{"a"}
		if strings.Contains(name, "goes on") || strings.Contains(name, "carries") {
			all = append(all, "b")
		}
		if !p.h.over {
			p.h.end()
		}
		if !p.h.released {
			p.h.release()
		}
		assert.Equal(t, all, p.freed, name)
		assert.Zero(t, s.detached.oldestFirst.Len(), name)
		assert.Empty(t, s.sessions, name)
	}
}

const patience = 20 * time.Second

// receive returns what c delivers, or fails the test when that takes long.
func receive[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		require.FailNow(t, "nothing came in time")
	}
	return v
}
