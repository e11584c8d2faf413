package application

import (
	"context"
	"sync"
	"time"
)

// A callContext is the context of a handler. What others wait for exists only
// where they do: most handlers are over before, and there is one for each call.
type callContext struct {
	deadline *time.Time // nil without one

	mu sync.Mutex
	// mu guards
	end     contextEnd
	waiters *contextWaiters
}

// A contextEnd says why a context has ended.
type contextEnd uint8

const (
	goesOn contextEnd = iota
	canceled
	expired
)

func (e contextEnd) err() error {
	switch e {
	case canceled:
		return context.Canceled
	case expired:
		return context.DeadlineExceeded
	}
	return nil
}

// contextWaiters is what waits for the end of a context.
type contextWaiters struct {
	done  chan struct{}
	timer *time.Timer // nil where there is no deadline, or the context had ended
	after map[*func()]struct{}
}

var _ context.Context = (*callContext)(nil)

// setDeadline ends the context at t. It must be called before anybody knows of
// the context.
func (c *callContext) setDeadline(t time.Time) { c.deadline = &t }

// Deadline returns the caller's deadline.
func (c *callContext) Deadline() (time.Time, bool) {
	if c.deadline == nil {
		return time.Time{}, false
	}
	return *c.deadline, true
}

// Value returns nil.
func (c *callContext) Value(any) any { return nil }

// Err returns why the context has ended, nil if it has not.
func (c *callContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end == goesOn && c.deadline != nil && !time.Now().Before(*c.deadline) {
		c.finish(expired)
	}
	return c.end.err()
}

// Done returns a channel that is closed when the caller gives up, when the
// stream is over, and when the handler has returned.
func (c *callContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.awaited().done
}

// awaited returns the waiters, to whom somebody is to be added. mu is held.
func (c *callContext) awaited() *contextWaiters {
	if c.waiters != nil {
		return c.waiters
	}
	w := &contextWaiters{done: make(chan struct{})}
	c.waiters = w
	switch {
	case c.end != goesOn:
		close(w.done)
	case c.deadline != nil:
		w.timer = time.AfterFunc(time.Until(*c.deadline), func() { c.finishLocking(expired) })
	}
	return w
}

// AfterFunc runs f on a goroutine of its own when the context has ended. It
// makes contexts derived from this one cost no goroutine.
func (c *callContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end != goesOn {
		go f()
		return func() bool { return false }
	}
	w := c.awaited()
	if w.after == nil {
		w.after = make(map[*func()]struct{})
	}
	w.after[&f] = struct{}{}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, waiting := w.after[&f]
		delete(w.after, &f)
		return waiting
	}
}

// cancel ends the context. It never blocks and runs nothing of others.
func (c *callContext) cancel() { c.finishLocking(canceled) }

func (c *callContext) finishLocking(why contextEnd) {
	c.mu.Lock()
	c.finish(why)
	c.mu.Unlock()
}

// finish ends the context, if it goes on. mu is held.
func (c *callContext) finish(why contextEnd) {
	if c.end != goesOn {
		return
	}
	c.end = why
	w := c.waiters
	if w == nil {
		return
	}
	close(w.done)
	if w.timer != nil {
		w.timer.Stop()
	}
	for f := range w.after {
		go (*f)()
	}
	w.after = nil
}
