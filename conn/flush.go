package conn

import (
	"runtime"
	"time"
)

const (
	// yieldBelow is the size of a batch for which the flusher first lets
	// others run: with many callers, their frames then share one write. Two
	// frames of 16 KiB should, too: at 16 KiB a hundred streams that write as
	// much at a time had a third less.
	yieldBelow = 32 << 10

	// copyBelow is the size of a piece that is copied to share a write where
	// the transport takes one buffer at a time.
	copyBelow = 32 << 10
)

// startFlusher is called by the session when there is something to be written.
func (c *Conn) startFlusher() { go c.flushFn() }

// flush writes until nothing is left to be written, and ends. At most one
// flush runs; kick starts it.
func (c *Conn) flush() {
	for {
		if c.bits.Swap(false) {
			c.handler.Compose()
		}
		now := time.Now() // once for each batch: it costs as much as the rest of composing
		c.mu.Lock()
		if n := c.mayGo(now); n > 0 && n < yieldBelow && !c.down {
			c.mu.Unlock()
			runtime.Gosched()
			if c.bits.Swap(false) {
				c.handler.Compose()
			}
			c.mu.Lock()
		}
		some := !c.down && !c.mute && c.compose(now)
		c.watchHold()
		if !some {
			if c.bits.Load() && !c.down && !c.mute {
				c.mu.Unlock()
				continue
			}
			c.rest()
			return
		}
		t := c.transport
		c.watchLife(now)
		overrun := c.overrun()
		c.mu.Unlock()

		if overrun {
			c.fail(errOverrun)
			continue // to end in the usual place
		}
		if err := t.write(&c.out); err != nil {
			c.unwritten(t, err)
			continue
		}
		c.mu.Lock()
		c.written(now)
		c.mu.Unlock()
	}
}

// rest ends the flusher. The mutex is held and given up.
func (c *Conn) rest() {
	c.settleBatch() // if it was not to be written
	c.idle()
	c.capped = c.bulk.bytes() > 0
	finished := c.finishing && !c.closedDue && !c.down && !c.mute && c.control.bytes() == 0
	if finished {
		c.mute = true
	} else {
		c.writing = false
	}
	c.mu.Unlock()
	if finished {
		c.endTransport()
		c.mu.Lock()
		c.writing = false
		c.mu.Unlock()
	}
	c.settle()
}

// watchHold has the flusher look again when stream bytes have been held as long
// as they may. The mutex is held.
func (c *Conn) watchHold() {
	if c.flow.holdSince.IsZero() {
		return
	}
	if end := c.flow.holdSince.Add(holdLongest); end != c.holdEnd {
		c.holdEnd = end
		time.AfterFunc(holdLongest+time.Millisecond, func() {
			c.mu.Lock()
			c.kick()
			c.mu.Unlock()
		})
	}
}

// written settles the batch. The mutex is held.
func (c *Conn) written(now time.Time) {
	if len(c.out.pieces) > 0 { // a beat that was taken is no progress
		if c.state != open { // somebody looks at it
			now = time.Now()
		}
		c.lastTaken = now
	}
	c.settleBatch()
}

// unwritten is for a batch that could not be written: the transport is lost.
// What the peer has said before it hung up, an orderly end perhaps, is still
// read, for a moment at most.
func (c *Conn) unwritten(t *transport, err error) {
	c.mu.Lock()
	c.settleBatch()
	c.mute = true
	t.linger = time.AfterFunc(lingerLongest, func() { c.lose(t, err) })
	c.mu.Unlock()
}
