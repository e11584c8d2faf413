package server

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/conn"
)

// bounded returns Sessions with these bounds.
func bounded(most, mostBytes, mostPerIdentity int) *Sessions {
	s := NewSessions()
	s.detached.most, s.detached.mostBytes, s.detached.mostPerIdentity = most, mostBytes, mostPerIdentity
	return s
}

// waits has a new session of who lose its connection, with that much in hand.
func waits(s *Sessions, n byte, who identity, held int) (*holder, *fakeSession) {
	h := s.allocate(who)
	f := online(h, newFakeSession(n))
	f.held = held
	h.suspended()
	return h, f
}

// evictions returns which of sessions were ended for others.
func evictions(t *testing.T, sessions ...*fakeSession) (out []byte) {
	for _, f := range sessions {
		for len(f.ends) > 0 {
			require.Equal(t, conn.ErrEvicted, <-f.ends)
			out = append(out, f.id[0])
		}
	}
	return out
}

func TestOldestGoesFirstWhereTooManySessionsWait(t *testing.T) {
	s := bounded(2, 1000, 10)
	_, a := waits(s, 1, nobody, 0)
	_, b := waits(s, 2, nobody, 0)
	assert.Empty(t, evictions(t, a, b))
	_, c := waits(s, 3, nobody, 0)
	assert.Equal(t, []byte{1}, evictions(t, a, b, c))
	assert.Nil(t, find(s, a), "nobody can go on with it")
	assert.NotNil(t, find(s, b))
}

func TestOldestGoFirstWhereSessionsThatWaitHoldTooMuch(t *testing.T) {
	s := bounded(10, 100, 10)
	_, a := waits(s, 1, nobody, 30)
	_, b := waits(s, 2, nobody, 30)
	_, c := waits(s, 3, nobody, 40)
	assert.Empty(t, evictions(t, a, b, c))
	_, d := waits(s, 4, nobody, 31)
	assert.Equal(t, []byte{1, 2}, evictions(t, a, b, c, d))
	_, e := waits(s, 5, nobody, 101)
	assert.Equal(t, []byte{3, 4, 5}, evictions(t, a, b, c, d, e), "one that holds too much alone goes too")
}

func TestOldestOfTheSameIdentityGoesFirst(t *testing.T) {
	s := bounded(10, 1000, 1)
	alice, bob := identity{byAuthenticator, "alice"}, identity{byAuthenticator, "bob"}
	_, a := waits(s, 1, alice, 0)
	_, b := waits(s, 2, bob, 0)
	_, c := waits(s, 3, nobody, 0)
	_, d := waits(s, 4, nobody, 0)
	_, e := waits(s, 5, granted, 0)
	_, f := waits(s, 6, granted, 0)
	assert.Empty(t, evictions(t, a, b, c, d, e, f), "who has no name is no other's like")
	_, g := waits(s, 7, bob, 0)
	assert.Equal(t, []byte{2}, evictions(t, a, b, c, d, e, f, g))
}

func TestSessionThatGoesOnIsNotEvicted(t *testing.T) {
	s := bounded(1, 1000, 10)
	h, a := waits(s, 1, nobody, 900)
	h.resumed()
	_, b := waits(s, 2, nobody, 900)
	assert.Empty(t, evictions(t, a, b))
	h.suspended() // it is the newest now
	assert.Equal(t, []byte{2}, evictions(t, a, b))
}

// TestBoundsOfWaitingSessionsHoldAtEveryStep has sessions begin, be cut, go on
// and end at random, those that are evicted late, and compares with the plain
// sums over all.
func TestBoundsOfWaitingSessionsHoldAtEveryStep(t *testing.T) {
	const most, mostBytes, mostPerIdentity = 12, 1000, 4
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := bounded(most, mostBytes, mostPerIdentity)
		type one struct {
			h       *holder
			f       *fakeSession
			waits   bool
			evicted bool
		}
		var all []*one
		for step := range 400 {
			pick := func() *one { return all[rng.IntN(len(all))] }
			switch op := rng.IntN(10); {
			case op < 3 || len(all) == 0:
				who := nobody
				if n := rng.IntN(5); n > 0 {
					who = identity{byAuthenticator, fmt.Sprint(n)}
				}
				h := s.allocate(who)
				f := newFakeSession(0)
				f.id = [16]byte{byte(step), byte(step >> 8), 1}
				all = append(all, &one{h: h, f: online(h, f)})
			case op < 7:
				if o := pick(); !o.waits && !o.evicted {
					o.f.held, o.waits = rng.IntN(400), true
					o.h.suspended()
				}
			case op < 9:
				if o := pick(); o.waits {
					o.waits = false
					o.h.resumed()
				}
			default: // over: also the evicted come here, sooner or later
				i := rng.IntN(len(all))
				o := all[i]
				all = append(all[:i:i], all[i+1:]...)
				o.h.end()
				o.h.release()
			}
			count, bytes := 0, 0
			per := map[identity]int{}
			for _, o := range all {
				if len(evictions(t, o.f)) > 0 {
					require.True(t, o.waits, "seed %d step %d: one was evicted that does not wait", seed, step)
					o.waits, o.evicted = false, true
				}
				if !o.waits {
					continue
				}
				count++
				bytes += o.f.held
				if o.h.who != nobody {
					per[o.h.who]++
				}
				assert.NotNil(t, find(s, o.f))
			}
			require.LessOrEqual(t, count, most, "seed %d step %d", seed, step)
			require.LessOrEqual(t, bytes, mostBytes, "seed %d step %d", seed, step)
			for who, n := range per {
				require.LessOrEqual(t, n, mostPerIdentity, "seed %d step %d: %v", seed, step, who)
				require.Len(t, s.detached.byIdentity[who], n)
			}
			require.Equal(t, count, s.detached.oldestFirst.Len(), "seed %d step %d", seed, step)
			require.Equal(t, bytes, s.detached.bytes, "seed %d step %d", seed, step)
			require.Len(t, s.detached.byIdentity, len(per))
		}
		for _, o := range all {
			o.h.end()
			o.h.release()
		}
		require.Zero(t, s.detached.oldestFirst.Len())
		require.Zero(t, s.detached.bytes)
		require.Empty(t, s.detached.byIdentity)
		require.Empty(t, s.sessions)
		require.Empty(t, s.holders)
	}
}
