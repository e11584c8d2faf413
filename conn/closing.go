package conn

import (
	"time"

	"github.com/singchia/geminio/packet"
)

const (
	// closeIdle is how long Close waits for a peer that takes nothing,
	// closeLongest how long for any.
	closeIdle    = 2 * time.Second
	closeLongest = 5 * time.Second

	// drainIdle is how long a connection that Close has left behind may go on
	// draining without its peer taking anything.
	drainIdle = 10 * time.Second

	// lingerLongest is how long the end of the peer's bytes is awaited once
	// both sides have said everything.
	lingerLongest = time.Second

	// leaveGrace is what the peer has to take the reason of an end that is
	// not in order.
	leaveGrace = 100 * time.Millisecond
)

// Offline queues CLOSED, after all that has been queued: what had to be done
// because the peer closed has been done.
func (c *Conn) Offline() {
	c.mu.Lock()
	if c.farewell() { // nothing carries it, and nobody will miss it
		c.end(errClosed)
	}
	c.mu.Unlock()
	c.settle()
}

// Close waits until the peer has confirmed CLOSE, for at most 2 s beyond the
// last bytes that it took and 5 s in all, or until the connection is lost or
// the peer has closed it itself. What a living peer has not taken by then
// drains in the background, until it takes nothing for 10 s. It does not ask
// for the end: Shutdown does, before or after.
//
// Where nothing carries the session it does not wait. A client gives the
// session up: nobody will look for its server. A server keeps it, with the
// farewell, as long as it would anyway; it does not wait for a client to come
// back either, as a client does, within the same time, for another transport.
func (c *Conn) Close() {
	began := time.Now()
	c.mu.Lock()
	if detached := !c.carried && !c.dead; detached {
		c.mu.Unlock()
		if c.client {
			c.fail(errClosed)
		}
		return
	}
	c.startDrain()
	gone := c.transport.gone
	if c.client {
		gone = nil
	}
	c.mu.Unlock()
	timer := time.NewTimer(closeIdle)
	defer timer.Stop()
	for {
		select {
		case <-c.ended:
			return
		case <-gone:
			return
		case <-timer.C:
		}
		c.mu.Lock()
		last := c.lastTaken
		c.mu.Unlock()
		if last.Before(began) {
			last = began
		}
		now := time.Now()
		left := min(last.Add(closeIdle).Sub(now), began.Add(closeLongest).Sub(now))
		if left <= 0 {
			return
		}
		timer.Reset(left)
	}
}

// startDrain ends the connection when its peer has taken nothing for as long
// as it may. The mutex is held.
func (c *Conn) startDrain() {
	if c.drain == nil && !c.over {
		c.drain = time.AfterFunc(drainIdle, c.checkDrain)
	}
}

func (c *Conn) checkDrain() {
	c.mu.Lock()
	idle := time.Since(c.lastTaken)
	if c.down {
		idle = 0 // how long it may last without a transport is decided elsewhere
	}
	if idle < drainIdle && !c.over {
		c.drain.Reset(drainIdle - idle)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	c.fail(ErrStalled)
}

// Replace ends a connection that gives way to a newer one of the same client:
// it tells the peer, gives it a moment to take that, and closes the transport.
// It does not wait.
func (c *Conn) Replace() { c.leave(packet.CodeReplaced, ErrReplaced) }

// GiveUp ends the session at once, whatever carries it, for cause, which
// HandleClosed is told.
func (c *Conn) GiveUp(cause error) { c.fail(cause) }

// leave tells the peer why the connection ends, gives it a moment to take
// that, and closes the transport. It does not wait.
func (c *Conn) leave(code packet.Code, cause error) {
	c.mu.Lock()
	if c.down {
		c.mu.Unlock()
		c.fail(cause)
		return
	}
	if c.state == open {
		c.cause = &LostError{cause}
		c.closeCode, c.closeText = code, cause.Error()
		c.said = true // what is queued has no time to go before it
		c.step(closeAsked)
		c.kick()
	}
	c.mu.Unlock()
	time.AfterFunc(leaveGrace, func() { c.fail(cause) })
}

// endTransport is called by the flusher when everything has been written and
// nothing will follow.
func (c *Conn) endTransport() {
	half, ok := c.transport.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		c.fail(errClosed)
		return
	}
	// The peer's last frames may still be on their way: a close now could
	// answer them with a reset, which can take ours with it.
	_ = c.transport.SetReadDeadline(time.Now().Add(lingerLongest)) // a failing read ends it as well
}
