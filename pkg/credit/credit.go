// Package credit counts what a peer may send: absolute limits that only rise,
// each backed by a reservation in the budget of its connection. That bounds
// memory, and no holder of credit can take another's last bit of it.
//
// A limit is absolute: the sum of everything that may ever be sent under it.
// Limits merge (the newest one counts) and cannot get lost in a sum.
package credit

import (
	"errors"
	"sync/atomic"
	"time"
)

// ErrExceeded is returned by Receive when a peer sent more than it was
// allowed to: a protocol error.
var ErrExceeded = errors.New("credit exceeded")

// Idle is how long a window must have had no raise to fall back to its first
// size.
const Idle = 10 * time.Second

// A Budget is the memory that the windows of one connection share beyond the
// parts that are guaranteed to each. All methods may be called concurrently.
type Budget struct{ left atomic.Int64 }

// NewBudget returns a budget of n bytes.
func NewBudget(n int) *Budget {
	b := new(Budget)
	b.left.Store(int64(n))
	return b
}

// Take reserves up to n bytes and returns how many it got.
func (b *Budget) Take(n int) int {
	for {
		left := b.left.Load()
		got := min(int64(n), left)
		if got <= 0 {
			return 0
		}
		if b.left.CompareAndSwap(left, left-got) {
			return int(got)
		}
	}
}

// Reserve reserves n bytes, also those that are not there: it is for what a
// peer is promised in numbers that Left has justified just before.
func (b *Budget) Reserve(n int) { b.left.Add(int64(-n)) }

// Give returns n bytes that were reserved.
func (b *Budget) Give(n int) { b.left.Add(int64(n)) }

// Left returns what is not reserved.
func (b *Budget) Left() int { return int(b.left.Load()) }

// A Window is the receiving side of one credit. It has no lock: its owner's
// lock guards it. Limits must be made known to the peer in the order in which
// Raise returned them.
type Window struct {
	budget     *Budget
	limit      uint64 // the last one told to the peer
	received   uint64 // what came in; at most limit
	consumed   uint64 // what the application has taken; at most received
	size       int    // the limit aims at consumed+size
	first      int
	most       int
	guaranteed int
	reserved   int // what of size is taken from budget
	blocked    bool
	raised     time.Time
}

// NewWindow returns a window that starts at first bytes, grows to most, and
// never falls below guaranteed. What of first lies beyond guaranteed must have
// been taken from budget by the caller; the window gives it back.
func NewWindow(budget *Budget, first, most, guaranteed int) Window {
	return Window{
		budget: budget, limit: uint64(first), size: first, first: first, most: max(most, first),
		guaranteed: guaranteed, reserved: max(0, first-guaranteed),
	}
}

// Receive counts n bytes that came in.
func (w *Window) Receive(n int) error {
	if w.received+uint64(n) > w.limit {
		return ErrExceeded
	}
	w.received += uint64(n)
	return nil
}

// Consume counts n received bytes as taken by the application.
func (w *Window) Consume(n int) { w.consumed += uint64(n) }

// Unread returns how many received bytes wait for the application.
func (w *Window) Unread() int { return int(w.received - w.consumed) }

// Limit returns the limit that the peer was last told.
func (w *Window) Limit() uint64 { return w.limit }

// SetBlocked notes that the peer waits for a limit above at, the newest one it
// knows. It is in force until the next raise; a raise that crossed it on the
// way has answered it already.
func (w *Window) SetBlocked(at uint64) {
	if at == w.limit {
		w.blocked = true
	}
}

// granted is the window that the budget has allowed.
func (w *Window) granted() int { return w.guaranteed + w.reserved }

// Due tells whether the limit should rise: half the window is consumed, or the
// peer waits and nothing is left unread.
func (w *Window) Due() bool {
	left := w.limit - w.consumed
	if left >= uint64(w.size) {
		return false
	}
	return left <= uint64(w.granted()/2) || w.blocked && w.received == w.consumed
}

// Raise raises the limit if it is due and returns the new one, which the
// caller must tell the peer. rtt is the connection's round trip, 0 if unknown.
// The window doubles when half of it was consumed within two round trips.
func (w *Window) Raise(now time.Time, rtt time.Duration) (limit uint64, ok bool) {
	if !w.Due() {
		return 0, false
	}
	switch since := now.Sub(w.raised); {
	case w.raised.IsZero():
	case since > Idle:
		w.size = w.first
	case since < 2*rtt:
		w.size = min(2*w.size, w.most)
	}
	w.reserve(max(0, w.size-w.guaranteed))
	limit = w.consumed + uint64(w.granted())
	if limit <= w.limit {
		return 0, false
	}
	w.limit, w.blocked, w.raised = limit, false, now
	return limit, true
}

// reserve makes the reservation n bytes, or as much of it as can be had. What
// the peer was already allowed stays reserved.
func (w *Window) reserve(n int) {
	outstanding := int(w.limit-w.consumed) - w.guaranteed
	n = max(n, outstanding, 0)
	if n > w.reserved {
		w.reserved += w.budget.Take(n - w.reserved)
	} else if n < w.reserved {
		w.budget.Give(w.reserved - n)
		w.reserved = n
	}
}

// Close gives the reservation back, but for the unread bytes that stay. It may
// be called again when they are gone.
func (w *Window) Close() {
	keep := min(w.reserved, max(0, w.Unread()-w.guaranteed))
	w.budget.Give(w.reserved - keep)
	w.reserved = keep
}
