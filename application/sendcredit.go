package application

import (
	"errors"
	"math"
	"sync"

	"github.com/singchia/geminio/pkg/wait"
)

var errLimitLowered = errors.New("credit limit lowered")

// unlimited is the limit of what is not counted.
const unlimited = math.MaxUint64

// An allowance is one absolute limit of the peer and what was taken of it.
type allowance struct {
	limit, used uint64

	saidAt uint64 // the limit that the last BLOCKED names
	said   bool   // a BLOCKED with the limit saidAt was sent or is due
	due    bool   // it is due
}

func (a *allowance) fits(n uint64) bool { return a.used <= a.limit && a.limit-a.used >= n }

// block notes that somebody waits, and tells whether a BLOCKED is newly due:
// one says it for each limit.
func (a *allowance) block() bool {
	if a.said && a.saidAt == a.limit {
		return false
	}
	a.said, a.saidAt, a.due = true, a.limit, true
	return true
}

// takeDue tells whether the BLOCKED that was due still is, and at which limit.
func (a *allowance) takeDue(waiting bool) (at uint64, due bool) {
	if a.due && !waiting {
		a.said = false
	}
	due = a.due && waiting
	a.due = false
	return a.saidAt, due
}

// A sendCredit is what the peer allows to be sent: a number of items, and a
// number of bytes. Those who wait for it are served first come first served,
// each whole.
type sendCredit struct {
	// owe is called with mu held when a BLOCKED is due.
	owe func()

	mu sync.Mutex
	// mu guards
	items, bytes allowance
	waiting      wait.Queue
}

// take takes one item and n bytes. If it returns false, w stands in the queue
// and is woken with w.Granted set when they were taken for it.
func (c *sendCredit) take(n int, w *wait.Waiter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting.Len() == 0 && c.fits(n) {
		c.items.used++
		c.bytes.used += uint64(n)
		return true
	}
	w.Size, w.Granted = n, false
	c.waiting.Push(w)
	c.sayBlocked()
	return false
}

// tryTake is take for those who do not wait.
func (c *sendCredit) tryTake(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting.Len() != 0 || !c.fits(n) {
		return false
	}
	c.items.used++
	c.bytes.used += uint64(n)
	return true
}

// force takes one item whether it is there or not.
func (c *sendCredit) force() {
	c.mu.Lock()
	c.items.used++
	c.mu.Unlock()
}

// granted tells whether w, which take queued, has its credit.
func (c *sendCredit) granted(w *wait.Waiter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return w.Granted
}

// abandon is for a w that take queued and that waits no longer: its credit, if
// it has it by now, is given back.
func (c *sendCredit) abandon(w *wait.Waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.Granted {
		c.items.used--
		c.bytes.used -= uint64(w.Size)
		w.Granted = false
	} else {
		c.waiting.Remove(w)
	}
	c.serve()
}

// give takes back one item and n bytes that were taken and not used.
func (c *sendCredit) give(n int) {
	c.mu.Lock()
	c.items.used--
	c.bytes.used -= uint64(n)
	c.serve()
	c.mu.Unlock()
}

// raise makes the limits items and bytes, which must not be lower than before.
func (c *sendCredit) raise(items, bytes uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if items < c.items.limit || bytes < c.bytes.limit {
		return errLimitLowered
	}
	c.items.limit, c.bytes.limit = items, bytes
	c.serve()
	return nil
}

// allow adds n items to the limit.
func (c *sendCredit) allow(n int) {
	c.mu.Lock()
	c.items.limit += uint64(n)
	c.serve()
	c.mu.Unlock()
}

// takeDue returns the limits at which a BLOCKED is due, for which it must
// become a frame now.
func (c *sendCredit) takeDue() (itemsAt uint64, items bool, bytesAt uint64, bytes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.waiting.Len() > 0
	itemsAt, items = c.items.takeDue(waiting)
	bytesAt, bytes = c.bytes.takeDue(waiting)
	return
}

func (c *sendCredit) fits(n int) bool { return c.items.fits(1) && c.bytes.fits(uint64(n)) }

// serve gives what there is to those who wait.
func (c *sendCredit) serve() {
	for {
		w := c.waiting.Front()
		if w == nil {
			return
		}
		if !c.fits(w.Size) {
			c.sayBlocked()
			return
		}
		c.waiting.Remove(w)
		c.items.used++
		c.bytes.used += uint64(w.Size)
		w.Granted = true
		w.Wake()
	}
}

func (c *sendCredit) sayBlocked() {
	due := false
	if !c.items.fits(1) {
		due = c.items.block()
	}
	if !c.bytes.fits(uint64(c.waiting.Front().Size)) {
		due = c.bytes.block() || due
	}
	if due && c.owe != nil {
		c.owe()
	}
}
