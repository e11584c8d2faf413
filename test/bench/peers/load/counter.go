package load

import (
	"math"
	"sync/atomic"
)

// counter counts what some goroutines do, and wakes the one that waits for it.
type counter struct {
	n       atomic.Int64
	target  atomic.Int64  // n at which the waiter is woken
	reached chan struct{} // has room for one
	failed  chan error    // has room for one
}

func newCounter() *counter {
	c := &counter{reached: make(chan struct{}, 1), failed: make(chan error, 1)}
	c.target.Store(math.MaxInt64)
	return c
}

func (c *counter) add(n int64) {
	if c.n.Add(n) >= c.target.Load() {
		select {
		case c.reached <- struct{}{}:
		default: // woken before, not yet awake
		}
	}
}

// fail has wait return err, now or when it is next called in vain.
func (c *counter) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// wait waits until n is at least target. One goroutine at a time may wait.
func (c *counter) wait(target int64) error {
	if c.n.Load() >= target {
		return nil
	}
	c.target.Store(target)
	defer c.target.Store(math.MaxInt64)
	for c.n.Load() < target {
		select {
		case <-c.reached:
		case err := <-c.failed:
			return err
		}
	}
	return nil
}
