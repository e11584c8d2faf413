// Package wait holds the one thing a blocked operation waits with: a Waiter,
// a pooled one-slot channel that can stand in one queue at a time.
//
// An operation that must wait registers its Waiter under the lock of whatever
// it waits for, unlocks, and receives from C. Everything that can end the
// wait (the event itself, a deadline, a close) calls Wake; a wake-up says only
// "look again", so the operation looks at the state under the lock and
// decides. That is why no event needs a channel of its own and a wake-up too
// many does no harm.
package wait

import (
	"errors"
	"sync"
)

// ErrMustWait is returned by operations that take a Waiter and could not go on
// at once: the Waiter now stands in a queue and is woken when it is worth
// another try.
var ErrMustWait = errors.New("must wait")

// A Waiter is what one blocked operation waits with. It is taken from a Pool
// and given back by Put, and belongs to one operation in between.
type Waiter struct {
	// C delivers wake-ups; it holds one.
	C chan struct{}

	// Size is the room that the operation asks for, in the unit of the queue
	// it stands in. Granted is set when the room was given. Both are guarded
	// by the lock of that queue.
	Size    int
	Granted bool

	// Mark is what the operation waits to be reached, in a queue of those who
	// wait for that; guarded like Size.
	Mark uint64

	home       *Pool // nil: none
	queue      *Queue
	next, prev *Waiter
}

// A Pool keeps waiters that are used again. Its zero value is ready for use,
// and its methods may be called at once. One pool must not serve two synctest
// bubbles, since a channel belongs to the one in which it was made: a
// connection has a pool of its own.
type Pool struct{ free sync.Pool }

// Get returns a Waiter, to be given back by Put.
func (p *Pool) Get() *Waiter {
	if w, ok := p.free.Get().(*Waiter); ok {
		return w
	}
	w := New()
	w.home = p
	return w
}

// New returns a Waiter that no pool keeps.
func New() *Waiter { return &Waiter{C: make(chan struct{}, 1)} }

// Put gives w back. It must stand in no queue. Whoever was about to call Wake
// may still do so: the next to wait with w looks once too often.
func (w *Waiter) Put() {
	if w.queue != nil {
		panic("wait: waiter given back while it stands in a queue")
	}
	select {
	case <-w.C:
	default:
	}
	w.Size, w.Granted, w.Mark = 0, false, 0
	if w.home != nil {
		w.home.free.Put(w)
	}
}

// Wake makes the operation look again. It never blocks.
func (w *Waiter) Wake() {
	select {
	case w.C <- struct{}{}:
	default:
	}
}

// A Queue is a first-come first-served list of waiters. Its zero value is
// empty. It has no lock: the owner's lock guards it.
type Queue struct {
	head, tail *Waiter
	n          int
}

// Len returns how many waiters stand in q.
func (q *Queue) Len() int { return q.n }

// Front returns the waiter that has waited longest, nil if there is none.
func (q *Queue) Front() *Waiter { return q.head }

// Next returns the waiter behind w in its queue, nil if there is none.
func (w *Waiter) Next() *Waiter { return w.next }

// Has tells whether w stands in q.
func (q *Queue) Has(w *Waiter) bool { return w.queue == q }

// Push puts w at the end of q. A waiter stands in one queue at a time.
func (q *Queue) Push(w *Waiter) {
	if w.queue != nil {
		panic("wait: waiter stands in a queue already")
	}
	w.queue, w.prev, w.next = q, q.tail, nil
	if q.tail == nil {
		q.head = w
	} else {
		q.tail.next = w
	}
	q.tail = w
	q.n++
}

// Remove takes w out of q and tells whether it stood there.
func (q *Queue) Remove(w *Waiter) bool {
	if w.queue != q {
		return false
	}
	if w.prev == nil {
		q.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.queue, w.prev, w.next = nil, nil, nil
	q.n--
	return true
}

// Pop takes the waiter that has waited longest out of q and returns it, nil if
// there is none. It does not wake it.
func (q *Queue) Pop() *Waiter {
	w := q.head
	if w != nil {
		q.Remove(w)
	}
	return w
}

// WakeAll wakes every waiter and leaves them in q.
func (q *Queue) WakeAll() {
	for w := q.head; w != nil; w = w.next {
		w.Wake()
	}
}
