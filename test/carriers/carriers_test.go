//go:build go1.25

package carriers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/test/chaos"
	"github.com/singchia/geminio/test/harness"
)

// The lowest round trip is measured when a connection begins, and bulk is held
// to measure it again 9 s later. So the bulk begins after idle, has filled what
// it fills after settled, and what is seen for long sees that too.
const (
	idle    = 6 * time.Second
	settled = 2 * time.Second
	long    = 4 * time.Second
)

func TestMereBulkGetsWhatTheCarrierCarries(t *testing.T) {
	for _, c := range carriers {
		t.Run(c.name, func(t *testing.T) {
			harness.Virtual(t, func(t *testing.T) {
				w := newWorld(t, c)
				b := newBulk(t, c, w.client, w.server)
				time.Sleep(idle)
				b.start()
				time.Sleep(settled)
				got := b.over(func() { time.Sleep(long) })
				t.Logf("%.1f%% of the rate", 100*got/c.rate)
				require.GreaterOrEqual(t, got, 0.95*c.rate)
			})
		})
	}
}

// besideBulk runs f for a client on every carrier, with bulk that comes from
// the client and with bulk that comes from the server.
func besideBulk(t *testing.T, f func(t *testing.T, c carrier, client geminio.End, b *bulk)) {
	for _, c := range carriers {
		for _, side := range []string{"the same side", "the other side"} {
			t.Run(c.name+", bulk from "+side, func(t *testing.T) {
				harness.Virtual(t, func(t *testing.T) {
					w := newWorld(t, c)
					from, to := w.client, w.server
					if side == "the other side" {
						from, to = to, from
					}
					b := newBulk(t, c, from, to)
					time.Sleep(idle)
					f(t, c, w.client, b)
				})
			})
		}
	}
}

// The first call waits for what is under way: up to 4 MiB where that flows in
// less than a second, else what flows in a second, and 512 KiB in any case.
func TestCallsAreFastOnceTheFirstHasGotThroughTheBulkBeforeIt(t *testing.T) {
	besideBulk(t, func(t *testing.T, c carrier, client geminio.End, b *bulk) {
		b.start()
		time.Sleep(settled)
		first := call(t, client)
		t.Logf("the first call took %v", first.Round(time.Millisecond))
		require.LessOrEqual(t, first, c.first)
		callsAreFast(t, c, client, b)
	})
}

func TestCallsStayFastWhenBulkBegins(t *testing.T) {
	besideBulk(t, func(t *testing.T, c carrier, client geminio.End, b *bulk) {
		call(t, client)
		b.start()
		require.LessOrEqual(t, call(t, client), 2*c.median)
		callsAreFast(t, c, client, b)
	})
}

// Where the carrier is full in both directions a call waits in both, and
// neither side takes the queue of the other for a longer path. ACKs wait too.
func TestCallsAreFastBesideBulkThatGoesBothWays(t *testing.T) {
	for _, c := range carriers {
		if c.offered > 0 {
			continue // nothing is full
		}
		t.Run(c.name, func(t *testing.T) {
			harness.Virtual(t, func(t *testing.T) {
				w := newWorld(t, c)
				up, down := newBulk(t, c, w.client, w.server), newBulk(t, c, w.server, w.client)
				time.Sleep(idle)
				up.start()
				down.start()
				time.Sleep(settled)
				calls(t, w.client, long)
				var took []time.Duration
				var sent, received float64
				sent = up.over(func() {
					received = down.over(func() { took = calls(t, w.client, long) })
				})
				t.Logf("half of %d calls took up to %v, beside %.1f%% and %.1f%% of the rate", len(took),
					median(took).Round(time.Millisecond), 100*sent/c.rate, 100*received/c.rate)
				require.LessOrEqual(t, median(took), 2*c.median)
				require.GreaterOrEqual(t, min(sent, received), 0.6*c.rate)
			})
		})
	}
}

// With the round trip that was known before, bulk beside calls would get 512 KiB
// in each of the new ones, a sixth of what is offered.
func TestAPathThatBecomesLongerIsNoticedUnderBulk(t *testing.T) {
	harness.Virtual(t, func(t *testing.T) {
		c := carriers[0]
		w := newWorld(t, c)
		b := newBulk(t, c, w.client, w.server)
		b.start()
		time.Sleep(settled)
		w.link.Inject(chaos.Both, chaos.Delay{Base: 5 * rtt / 2})
		calls(t, w.client, 12*time.Second)
		got := b.over(func() { calls(t, w.client, long) })
		t.Logf("%.1f%% of the rate", 100*got/c.rate)
		require.GreaterOrEqual(t, got, 0.4*c.rate)
	})
}

// callsAreFast makes calls one after another, beside which the bulk goes on.
func callsAreFast(t *testing.T, c carrier, client geminio.End, b *bulk) {
	t.Helper()
	var took []time.Duration
	got := b.over(func() { took = calls(t, client, long) })
	t.Logf("half of %d calls took up to %v, all up to %v, beside %.1f%% of the rate", len(took),
		median(took).Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), 100*got/c.rate)
	require.LessOrEqual(t, median(took), c.median)
	require.GreaterOrEqual(t, got, c.beside)
}
