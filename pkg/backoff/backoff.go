// Package backoff decides how long a client waits before it tries to connect
// again: soon after a first loss, so that a cut costs nothing, and spread out
// afterwards, so that a thousand clients do not come back at the same moment.
//
// It is data: it has no clock and no goroutine, and waits for nothing.
package backoff

import (
	"math"
	"math/rand/v2"
	"time"
)

// The figures. Every wait is drawn evenly from zero to a window: First for the
// first attempt, then Second, which doubles with each attempt up to Short.
// Patience after the outage began it goes on doubling, up to Long.
const (
	First    = 100 * time.Millisecond
	Second   = 250 * time.Millisecond
	Short    = 2 * time.Second
	Long     = 30 * time.Second
	Patience = 30 * time.Second

	// Healthy is how long a connection must have lived to end an outage,
	// though nothing moved on it.
	Healthy = 30 * time.Second
)

// A Backoff is the state of one client. It is made by New. Its methods may not
// be called at once.
type Backoff struct {
	below     func(n int64) int64 // a number in [0,n)
	window    time.Duration       // of the last attempt; zero: no outage
	began     time.Time           // when the outage began
	connected time.Time           // when the last attempt succeeded; zero: it did not
	asked     time.Duration       // by RetryAfter, for the next attempt
}

// New returns a Backoff that draws its waits from rnd, or, if rnd is nil, from
// the source of math/rand/v2.
func New(rnd *rand.Rand) *Backoff {
	if rnd == nil {
		return &Backoff{below: rand.Int64N}
	}
	return &Backoff{below: rnd.Int64N}
}

// Next returns how long to wait before the next attempt. It is called when the
// connection was lost and whenever an attempt has failed; the first call after
// a reset begins an outage.
func (b *Backoff) Next(now time.Time) time.Duration {
	if !b.connected.IsZero() && now.Sub(b.connected) >= Healthy {
		b.window = 0
	}
	b.connected = time.Time{}
	switch {
	case b.window == 0:
		b.began, b.window = now, First
	case b.window == First:
		b.window = Second
	case b.window < Short:
		b.window = min(2*b.window, Short)
	case now.Sub(b.began) >= Patience:
		b.window = min(2*b.window, Long)
	}
	wait := b.upTo(b.window)
	if b.asked > 0 {
		wait = max(wait, b.asked+b.upTo(b.asked/2))
		b.asked = 0
	}
	return wait
}

// RetryAfter makes the next wait at least d, and up to half as much again: the
// server asked for it. Zero or less asks for nothing.
func (b *Backoff) RetryAfter(d time.Duration) {
	// Anything longer would overflow with its half.
	b.asked = min(d, math.MaxInt64/2)
}

// Connected says that the last attempt succeeded. That alone resets nothing: a
// connection that is lost within Healthy and moved nothing belongs to the
// outage.
func (b *Backoff) Connected(now time.Time) { b.connected = now }

// Progress says that the connection moved something that was new: the outage
// is over, and the next loss is a first one. So many quick cuts cost as many
// first attempts. It costs next to nothing and may be called for every
// acknowledgement.
func (b *Backoff) Progress() { b.window = 0 }

// upTo draws from [0,d].
func (b *Backoff) upTo(d time.Duration) time.Duration {
	return time.Duration(b.below(int64(d) + 1))
}
