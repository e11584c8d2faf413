package backoff_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/pkg/backoff"
)

var start = time.Unix(1_000_000, 0)

// longest returns the longest of many waits that states alike give, each
// brought about by prepare.
func longest(prepare func(b *backoff.Backoff) (now time.Time)) (d time.Duration) {
	for seed := range uint64(2000) {
		b := backoff.New(rand.New(rand.NewPCG(seed, 1)))
		d = max(d, b.Next(prepare(b)))
	}
	return d
}

// near tells that the waits whose longest is d are drawn from all of window.
func near(t *testing.T, window, d time.Duration) {
	t.Helper()
	require.LessOrEqual(t, d, window)
	require.Greater(t, d, window*98/100)
}

func TestWindowsDoubleToTwoSecondsAndAfterThirtySecondsToThirty(t *testing.T) {
	windows := []time.Duration{100, 250, 500, 1000, 2000, 2000, 2000}
	for n, ms := range windows {
		near(t, ms*time.Millisecond, longest(func(b *backoff.Backoff) time.Time {
			for range n {
				b.Next(start)
			}
			return start.Add(30*time.Second - 1)
		}))
	}
	for n, s := range []time.Duration{4, 8, 16, 30, 30} {
		near(t, s*time.Second, longest(func(b *backoff.Backoff) time.Time {
			for range windows {
				b.Next(start)
			}
			for range n {
				b.Next(start.Add(30 * time.Second))
			}
			return start.Add(30 * time.Second)
		}))
	}
}

func TestWaitsAreSpreadEvenlyOverTheWindow(t *testing.T) {
	b := backoff.New(nil)
	var tenths [10]int
	for range 10_000 {
		b.Progress()
		tenths[b.Next(start)*10/(backoff.First+1)]++
	}
	for _, n := range tenths {
		require.InDelta(t, 1000, n, 200)
	}
}

func TestTheServersWishIsKeptOnceAndSpreadOverHalfAsMuchAgain(t *testing.T) {
	low, high := time.Duration(math.MaxInt64), time.Duration(0)
	for seed := range uint64(2000) {
		b := backoff.New(rand.New(rand.NewPCG(seed, 2)))
		b.RetryAfter(10 * time.Second)
		d := b.Next(start)
		low, high = min(low, d), max(high, d)
		require.LessOrEqual(t, b.Next(start), backoff.Second)
	}
	near(t, 15*time.Second, high)
	require.GreaterOrEqual(t, low, 10*time.Second)
	require.Less(t, low, 10*time.Second+100*time.Millisecond)
}

func TestAWishThatIsNoneOrAbsurdDoesNoHarm(t *testing.T) {
	b := backoff.New(nil)
	for _, d := range []time.Duration{0, -1, math.MinInt64} {
		b.Progress()
		b.RetryAfter(d)
		d := b.Next(start)
		require.GreaterOrEqual(t, d, time.Duration(0))
		require.LessOrEqual(t, d, backoff.First)
	}
	b.RetryAfter(math.MaxInt64)
	require.Greater(t, b.Next(start), time.Duration(math.MaxInt64/2-1))
}

func TestAHundredCutsWithProgressCostAHundredFirstAttempts(t *testing.T) {
	b := backoff.New(rand.New(rand.NewPCG(1, 3)))
	for range 100 {
		require.LessOrEqual(t, b.Next(start), backoff.First)
		b.Connected(start)
		b.Progress()
	}
}

func TestOnlyAHealthyConnectionEndsTheOutageWithoutProgress(t *testing.T) {
	lived := func(d time.Duration) time.Duration {
		return longest(func(b *backoff.Backoff) time.Time {
			b.Next(start)
			b.Next(start)
			b.Connected(start)
			return start.Add(d)
		})
	}
	near(t, 500*time.Millisecond, lived(30*time.Second-1))
	near(t, backoff.First, lived(30*time.Second))

	near(t, time.Second, longest(func(b *backoff.Backoff) time.Time {
		b.Next(start)
		b.Next(start)
		b.Connected(start)
		b.Next(start)               // lost at once
		return start.Add(time.Hour) // and not connected since
	}))
}

// TestAHerdComesBackSpreadOut loses the connections of a thousand clients at
// once and has the server away for a while.
func TestAHerdComesBackSpreadOut(t *testing.T) {
	const clients = 1000
	for _, row := range []struct {
		outage, within time.Duration
		busiest        float64 // share of the reconnects in 100 ms
	}{
		{500 * time.Millisecond, 3 * time.Second, 0.35},
		{5 * time.Second, 3 * time.Second, 0.15},
		{60 * time.Second, 30 * time.Second, 0.05},
	} {
		for seed := range uint64(5) {
			t.Run(fmt.Sprintf("%v, seed %d", row.outage, seed), func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 4))
				back := make([]time.Duration, clients) // after the server is
				attempts := 0
				for i := range back {
					b := backoff.New(rnd)
					now := start
					for back[i] = -1; back[i] < 0; back[i] = now.Sub(start) - row.outage {
						now = now.Add(b.Next(now))
						attempts++
					}
				}
				sort.Slice(back, func(i, j int) bool { return back[i] < back[j] })
				busiest := 0
				for i, j := 0, 0; j < clients; j++ {
					for back[j]-back[i] >= 100*time.Millisecond {
						i++
					}
					busiest = max(busiest, j-i+1)
				}
				share, p99 := float64(busiest)/clients, back[clients*99/100-1]
				t.Logf("busiest 100 ms: %.1f %%; 99 %% back after %v; %.1f attempts each",
					100*share, p99.Round(time.Millisecond), float64(attempts)/clients)
				require.LessOrEqual(t, share, row.busiest)
				require.LessOrEqual(t, p99, row.within)
			})
		}
	}
}
