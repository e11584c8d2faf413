package conn

import "time"

// settle tells of what has happened: that the transport is gone, once neither
// the reader nor the flusher runs, and that the session is over. Whoever ends
// last calls it, and one at a time tells.
func (c *Conn) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settling {
		return
	}
	c.settling = true
	defer func() { c.settling = false }()
	for !c.reading && !c.writing {
		switch {
		case c.carried && c.down:
			c.uncarry()
		case c.dead && !c.over:
			c.tellOver()
		default:
			return
		}
	}
}

// uncarry takes the transport away. The mutex is held, but for the callback.
func (c *Conn) uncarry() {
	t := c.transport
	c.carried = false
	for _, timer := range []*time.Timer{c.ackTimer, c.lifeTimer, t.linger} {
		if timer != nil {
			timer.Stop()
		}
	}
	c.ackArmed = false
	c.detach()
	c.resume.gone = time.Now()
	if !c.dead && c.state == closed { // all was said, and all of it heard
		c.end(errClosed)
	}
	if !c.dead {
		c.step(cut)
		c.grace = time.AfterFunc(c.ticket.grace, func() { c.expire(t) })
		c.unlocked(func() {
			c.log.Debugf("%v: suspended: %v", c, c.lostBy)
			if c.onSuspended != nil {
				c.onSuspended(c.lostBy)
			}
		})
	}
	close(t.gone)
}

// unlocked runs f without the mutex, which is held.
func (c *Conn) unlocked(f func()) {
	c.mu.Unlock()
	defer c.mu.Lock()
	f()
}

// expire ends a session that nothing has carried since t was lost.
func (c *Conn) expire(t *transport) {
	c.mu.Lock()
	if c.transport == t && !c.carried && !c.dead {
		c.end(ErrGrace)
	}
	c.mu.Unlock()
	c.settle()
}

// tellOver calls HandleClosed. The mutex is held, but for the calls.
func (c *Conn) tellOver() {
	c.over = true
	for _, timer := range []*time.Timer{c.drain, c.grace} {
		if timer != nil {
			timer.Stop()
		}
	}
	c.dropAll()
	b, cause, breached := c.beater, c.cause, c.breached
	c.unlocked(func() {
		if b != nil {
			b.stop()
		}
		switch { // a warning only where the peer is at fault
		case cause == nil:
			c.log.Debugf("%v: closed", c)
		case breached:
			c.log.Warnf("%v: %v", c, cause)
		default:
			c.log.Debugf("%v: %v", c, cause)
		}
		c.handler.HandleClosed(cause)
	})
}
