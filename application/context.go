package application

import (
	"context"
	"sync"
	"time"
)

// A callContext is the context of a handler. Its channel and its timer exist
// only where somebody waits for it.
type callContext struct {
	deadline time.Time // zero without one

	mu sync.Mutex
	// mu guards
	err   error
	done  chan struct{}
	timer *time.Timer
	after map[*func()]struct{}
}

var _ context.Context = (*callContext)(nil)

// Deadline returns the caller's deadline.
func (c *callContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Value returns nil.
func (c *callContext) Value(any) any { return nil }

// Err returns why the context has ended, nil if it has not.
func (c *callContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
		c.end(context.DeadlineExceeded)
	}
	return c.err
}

// Done returns a channel that is closed when the caller gives up, when the
// stream is over, and when the handler has returned.
func (c *callContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		} else {
			c.startTimer()
		}
	}
	return c.done
}

// AfterFunc runs f on a goroutine of its own when the context has ended. It
// makes contexts derived from this one cost no goroutine.
func (c *callContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	if c.after == nil {
		c.after = make(map[*func()]struct{})
	}
	c.after[&f] = struct{}{}
	c.startTimer()
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, waiting := c.after[&f]
		delete(c.after, &f)
		return waiting
	}
}

// cancel ends the context. It never blocks and runs nothing of others.
func (c *callContext) cancel() {
	c.mu.Lock()
	c.end(context.Canceled)
	c.mu.Unlock()
}

func (c *callContext) expire() {
	c.mu.Lock()
	c.end(context.DeadlineExceeded)
	c.mu.Unlock()
}

func (c *callContext) startTimer() {
	if c.timer == nil && !c.deadline.IsZero() {
		c.timer = time.AfterFunc(time.Until(c.deadline), c.expire)
	}
}

func (c *callContext) end(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	for f := range c.after {
		go (*f)()
	}
	c.after = nil
}
