package credit

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(d time.Duration) time.Time { return time.Unix(1000, 0).Add(d) }

const rtt = 10 * time.Millisecond

func TestABudgetGivesWhatThereIsAndNoMore(t *testing.T) {
	b := NewBudget(100)
	require.Equal(t, 60, b.Take(60))
	require.Equal(t, 40, b.Take(60))
	require.Zero(t, b.Take(1))
	b.Reserve(30)
	require.Equal(t, -30, b.Left())
	require.Zero(t, b.Take(1), "it is overdrawn")
	b.Give(130)
	require.Equal(t, 100, b.Left())
	require.Zero(t, b.Take(0))
}

func TestABudgetIsNeverGivenTwice(t *testing.T) {
	b := NewBudget(1000)
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range 1000 {
				n := b.Take(1 + i%300)
				if left := b.Left(); left < 0 || left > 1000 {
					t.Errorf("%d left", left)
				}
				b.Give(n)
			}
		}()
	}
	all.Wait()
	require.Equal(t, 1000, b.Left())
}

// window returns a window of 100 that may grow to 1000 with 20 guaranteed, and
// its budget.
func window(t *testing.T, budget int) (*Budget, *Window) {
	b := NewBudget(budget)
	require.Equal(t, 80, b.Take(80))
	w := NewWindow(b, 100, 1000, 20)
	return b, &w
}

// take receives and consumes n bytes.
func take(t *testing.T, w *Window, n int) {
	t.Helper()
	require.NoError(t, w.Receive(n))
	w.Consume(n)
}

func TestMoreThanTheLimitIsRefusedAndNotCounted(t *testing.T) {
	_, w := window(t, 1000)
	require.NoError(t, w.Receive(60))
	require.ErrorIs(t, w.Receive(41), ErrExceeded)
	require.Equal(t, 60, w.Unread())
	require.NoError(t, w.Receive(40))
	require.ErrorIs(t, w.Receive(1), ErrExceeded)
	require.NoError(t, w.Receive(0))
}

func TestTheLimitRisesWhenHalfTheWindowIsConsumed(t *testing.T) {
	_, w := window(t, 1000)
	require.NoError(t, w.Receive(100))
	w.Consume(49)
	require.False(t, w.Due())
	_, ok := w.Raise(at(0), rtt)
	require.False(t, ok)
	w.Consume(1)
	require.True(t, w.Due())
	limit, ok := w.Raise(at(0), rtt)
	require.True(t, ok)
	require.EqualValues(t, 150, limit)
	require.EqualValues(t, 150, w.Limit())
	require.False(t, w.Due())
}

func TestAPeerThatWaitsGetsMoreWhenNothingIsLeftUnread(t *testing.T) {
	_, w := window(t, 1000)
	require.NoError(t, w.Receive(10))
	w.SetBlocked(100)
	require.False(t, w.Due(), "something is unread")
	w.Consume(10)
	require.True(t, w.Due())
	limit, ok := w.Raise(at(0), rtt)
	require.True(t, ok)
	require.EqualValues(t, 110, limit)
	take(t, w, 1)
	require.False(t, w.Due(), "it was in force until the raise")
}

func TestBlockedAtAnOldLimitIsAnsweredAlready(t *testing.T) {
	_, w := window(t, 1000)
	take(t, w, 50)
	_, ok := w.Raise(at(0), rtt)
	require.True(t, ok)
	w.SetBlocked(100)
	take(t, w, 1)
	require.False(t, w.Due())
}

func TestBlockedWithTheWholeWindowFreeChangesNothing(t *testing.T) {
	_, w := window(t, 1000)
	w.SetBlocked(100)
	require.False(t, w.Due())
}

func TestTheWindowDoublesWhenHalfOfItIsConsumedWithinTwoRoundTrips(t *testing.T) {
	b, w := window(t, 2000)
	now := time.Duration(0)
	raise := func(after time.Duration) int {
		now += after
		take(t, w, w.granted()/2)
		limit, ok := w.Raise(at(now), rtt)
		require.True(t, ok)
		require.Equal(t, int(limit-w.consumed), w.granted())
		require.Equal(t, 2000-(w.granted()-20), b.Left(), "all but the guaranteed part is reserved")
		return w.granted()
	}
	require.Equal(t, 100, raise(0), "the first raise tells no speed")
	require.Equal(t, 100, raise(2*rtt))
	require.Equal(t, 200, raise(2*rtt-1))
	require.Equal(t, 400, raise(1))
	require.Equal(t, 400, raise(Idle), "not idle for long enough")
	require.Equal(t, 800, raise(1))
	require.Equal(t, 1000, raise(1), "at most")
	require.Equal(t, 1000, raise(1))
}

func TestAWindowThatWasIdleFallsBack(t *testing.T) {
	b, w := window(t, 2000)
	take(t, w, 50)
	_, ok := w.Raise(at(0), rtt)
	require.True(t, ok)
	take(t, w, 50)
	_, ok = w.Raise(at(1), rtt)
	require.True(t, ok)
	require.Equal(t, 200, w.granted())

	take(t, w, 160) // 40 of the limit are left
	limit, ok := w.Raise(at(Idle+2), rtt)
	require.True(t, ok)
	require.EqualValues(t, w.consumed+100, limit)
	require.Equal(t, 2000-80, b.Left())
}

func TestALimitNeverFallsWhenTheWindowDoes(t *testing.T) {
	b, w := window(t, 5000)
	for i := range 10 {
		take(t, w, w.granted()/2)
		_, ok := w.Raise(at(time.Duration(i)), rtt)
		require.True(t, ok)
	}
	require.Equal(t, 1000, w.granted())
	before := w.Limit()
	take(t, w, 510)
	_, ok := w.Raise(at(2*Idle), rtt)
	require.False(t, ok, "490 above what is consumed are allowed already")
	require.Equal(t, before, w.Limit())
	require.Equal(t, 5000-470, b.Left(), "what is allowed stays reserved")
	take(t, w, 450)
	limit, ok := w.Raise(at(2*Idle), rtt)
	require.True(t, ok)
	require.Greater(t, limit, before)
	require.Equal(t, 5000-80, b.Left())
}

func TestWithoutBudgetAWindowGetsItsGuaranteedPartAgainAndAgain(t *testing.T) {
	b := NewBudget(0)
	w := NewWindow(b, 20, 1000, 20)
	for i := range 50 {
		take(t, &w, 10)
		limit, ok := w.Raise(at(time.Duration(i)), rtt)
		require.True(t, ok)
		require.EqualValues(t, w.consumed+20, limit)
	}
	require.Zero(t, b.Left())
}

func TestAClosedWindowKeepsWhatIsUnread(t *testing.T) {
	b, w := window(t, 1000)
	require.NoError(t, w.Receive(70))
	w.Close()
	require.Equal(t, 1000-50, b.Left(), "70 bytes lie there, 20 of them guaranteed")
	w.Consume(60)
	w.Close()
	require.Equal(t, 1000, b.Left())
	w.Consume(10)
	w.Close()
	require.Equal(t, 1000, b.Left(), "nothing is given back twice")
}

// TestNoReservationIsLost has windows share a budget at random and checks, at
// each step, that the peer's allowance is covered and that the sum is right.
func TestNoReservationIsLost(t *testing.T) {
	for range 30 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			const total, guaranteed = 4000, 20
			b := NewBudget(total)
			var ws []*Window
			for range 8 {
				w := NewWindow(b, guaranteed+b.Take(80), 1500, guaranteed)
				ws = append(ws, &w)
			}
			now := time.Duration(0)
			for range 2000 {
				w := ws[rnd.IntN(len(ws))]
				before := w.Limit()
				switch rnd.IntN(4) {
				case 0:
					require.NoError(t, w.Receive(rnd.IntN(int(w.limit-w.received)+1)))
				case 1:
					w.Consume(rnd.IntN(w.Unread() + 1))
				case 2:
					w.SetBlocked(w.Limit())
				default:
					now += time.Duration(rnd.Int64N(int64(3 * rtt)))
					if rnd.IntN(50) == 0 {
						now += Idle
					}
					limit, ok := w.Raise(at(now), rtt)
					require.Equal(t, ok, limit != 0)
					require.GreaterOrEqual(t, w.Limit(), before)
				}
				reserved := 0
				for _, w := range ws {
					reserved += w.reserved
					require.LessOrEqual(t, int(w.limit-w.consumed), guaranteed+w.reserved, "the peer may send what nobody has reserved")
				}
				require.Equal(t, total, b.Left()+reserved)
				require.GreaterOrEqual(t, b.Left(), 0)
			}
			for _, w := range ws { // whoever waits goes on
				w.Consume(w.Unread())
				w.SetBlocked(w.Limit())
				w.Raise(at(now), rtt)
				require.GreaterOrEqual(t, w.limit-w.consumed, uint64(guaranteed))
				require.NoError(t, w.Receive(1))
				w.Close()
				w.Consume(1)
				w.Close()
			}
			require.Equal(t, total, b.Left())
		})
	}
}
