package conn

import (
	"fmt"
	"net"
	"time"

	"github.com/singchia/geminio/packet"
)

const (
	// fenceLongest is how long the goroutines of an old transport may take to
	// end. They wait for nothing but its socket, which is closed.
	fenceLongest = time.Second

	// fruitlessMost is how many resumes that moved nothing are served within
	// fruitlessWindow, fruitlessLimit how many one after the other.
	fruitlessMost   = 10
	fruitlessWindow = 10 * time.Second
	fruitlessLimit  = 20
)

// A ticket is what a side needs to go on with a session over another
// transport. It is immutable.
type ticket struct {
	id       [16]byte
	instance [16]byte // of the server that knows the session
	grace    time.Duration
	bound    bool // to the TLS connection that carries it
	secret   *secret
}

// exporterFor returns what of a transport's exporter goes into the proofs.
func (t *ticket) exporterFor(exporter []byte) []byte {
	if !t.bound {
		return nil
	}
	return exporter
}

// resumes counts how a session was resumed. The connection's mutex guards it.
type resumes struct {
	count    uint64
	repeated uint64 // bytes that were sent again, all together
	last     uint64 // at the last resume

	at              time.Time // of the last attach
	gone            time.Time // of the last detach
	acked, received uint64    // positions then
	fruitless       int       // resumes in a row that moved nothing
	windowCount     int       // of them, those in the window
	windowBegan     time.Time
}

// attached notes that the session goes on, and that the peer lacks again bytes
// of what was sent. What lay below acked and received was settled before: what
// only the resume has told is something that moved.
func (r *resumes) attached(now time.Time, acked, received, again uint64) {
	r.at, r.acked, r.received, r.last = now, acked, received, again
	r.count++
	r.repeated += again
}

// moved tells whether anything new has arrived on either side since.
func (r *resumes) moved(acked, received uint64) bool {
	return acked > r.acked || received > r.received
}

// judge tells whether another resume is served now, and counts it if so: 0, or
// how long the peer is to wait. stuck says that it has gone on for too long.
// Only resumes that bring nothing about are held back, one soon after the
// other: many quick cuts in a living transfer are not, nor is a silent session
// that is cut now and then.
func (r *resumes) judge(now time.Time, moved bool) (wait time.Duration, stuck bool) {
	if moved {
		r.fruitless, r.windowCount = 0, 0
		return 0, false
	}
	if now.Sub(r.windowBegan) >= fruitlessWindow {
		r.windowBegan, r.windowCount = now, 0
	}
	if r.windowCount >= fruitlessMost {
		return fruitlessWindow - now.Sub(r.windowBegan), false
	}
	r.windowCount++
	r.fruitless++
	return 0, r.fruitless > fruitlessLimit
}

// RetryAfter is what Resume returns when the server will not resume the session
// before Delay has passed: it was resumed too often without anything moving.
type RetryAfter struct{ Delay time.Duration }

// Error tells how long to wait.
func (e *RetryAfter) Error() string { return fmt.Sprintf("server asks to retry in %v", e.Delay) }

// Stats counts what a session did to survive. Sizes are in bytes.
type Stats struct {
	Resumes      uint64
	Repeated     uint64 // what was to be sent again after all resumes
	RepeatedLast uint64 // after the last one
	RetainedMost int    // what may be kept until the peer acknowledges, give or take a frame
}

// Stats returns the counters as they are now.
func (c *Conn) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Resumes: c.resume.count, Repeated: c.resume.repeated, RepeatedLast: c.resume.last,
		RetainedMost: c.flow.replay,
	}
}

// SessionID names the session to both sides. It is zero where the session ends
// with its transport.
func (c *Conn) SessionID() [16]byte {
	if c.ticket == nil {
		return [16]byte{}
	}
	return c.ticket.id
}

// Detached tells whether the session has no transport now, and is not over.
func (c *Conn) Detached() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.carried && !c.dead
}

// Held returns how many bytes wait for the peer: those not acknowledged and
// those queued.
func (c *Conn) Held() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return 0
	}
	return c.held()
}

// Moved tells whether something new is known to have arrived on either side
// since the transport was attached, or was made known by the resume itself.
func (c *Conn) Moved() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resume.moved(c.flow.acked, c.received.Load())
}

// Resume does the client's part of a handshake on nc that goes on with the
// session, which nothing carries. It takes at most the time that Client does,
// and may not be called at once with itself.
//
// If the server knows the session, nc carries it from now on, and Resume
// returns nil, nil. If it does not, and opened a new one in the same answer,
// that is next, to be started like the result of Client, and this session is
// over. elsewhere allows that also to another server process than the one that
// the session began on.
//
// On an error nc is closed. A *RetryAfter says when to come again; ErrUnknown
// that the server does not know the session and opened none: it lives on for
// the time of its grace if that was another process.
func (c *Conn) Resume(nc net.Conn, elsewhere bool) (next *Conn, err error) {
	next, err = c.resumeOn(nc, elsewhere)
	if err != nil {
		nc.Close()
	}
	return next, err
}

func (c *Conn) resumeOn(nc net.Conn, elsewhere bool) (*Conn, error) {
	if c.ticket == nil {
		return nil, ErrUnknown
	}
	c.mu.Lock()
	gone := c.transport.gone
	c.mu.Unlock()
	<-gone
	c.mu.Lock()
	if c.carried || c.dead {
		c.mu.Unlock()
		return nil, errClosed
	}
	c.epoch++
	goOn := packet.Resume{Epoch: c.epoch, Position: c.in.pos}
	c.mu.Unlock()

	g, err := greet(nc, *c.greets, c.clientID, c.meta, &proposal{c.ticket, goOn, elsewhere})
	if err != nil {
		return nil, err
	}
	here := g.peer.Instance == c.ticket.instance
	switch v := g.peer.Verdict; {
	case g.peer.HasProof:
		return nil, c.resumed(nc, g, goOn.Epoch)
	case v.Code == packet.VerdictRetryAfter:
		return nil, &RetryAfter{time.Duration(v.DelayMS) * time.Millisecond}
	case g.refused == nil:
		next, err := g.conn()
		if err != nil {
			return nil, err
		}
		c.fail(ErrUnknown)
		return next, nil
	case v.Code == packet.VerdictUnknown || v.Code == packet.VerdictRefused:
		if here {
			c.fail(ErrUnknown)
			return nil, g.refused
		}
		return nil, ErrUnknown
	}
	return nil, g.refused
}

// resumed checks the server's proof and goes on over nc.
func (c *Conn) resumed(nc net.Conn, g *greeting, epoch uint32) error {
	covered, proof, ok := packet.SplitProof(g.answer)
	if !ok || proof != g.peer.Proof || g.refused != nil || g.peer.Resume.Epoch != epoch ||
		!equal(proof, c.ticket.secret.proveServer(g.first, covered, c.ticket.exporterFor(g.exporter))) {
		return protocolError("the server does not prove that it knows the session")
	}
	pos := g.peer.Resume.Position
	c.mu.Lock()
	ok = c.accepts(pos)
	c.mu.Unlock()
	if !ok {
		err := protocolError("the server has received up to %d, which is no such place", pos)
		c.fail(err)
		return err
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return err
	}
	return c.carryOn(nc, pos)
}

// carryOn has nc carry the session, whose peer has received what lies below
// pos. The one before is gone.
func (c *Conn) carryOn(nc net.Conn, pos uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead || c.carried {
		return errClosed
	}
	c.grace.Stop()
	c.transport = newTransport(nc)
	c.settling = true // whatever happens now is told after this
	c.unlocked(func() {
		if c.onResumed != nil {
			c.onResumed()
		}
	})
	if c.dead {
		close(c.transport.gone)
	} else {
		now := time.Now()
		c.attach(now, pos)
		c.carry(now)
	}
	c.settling = false
	again, dead := c.resume.last, c.dead
	c.unlocked(func() {
		if !dead {
			c.log.Debugf("%v: resumed over %v, %d bytes again", c, nc.RemoteAddr(), again)
		}
		c.settle()
	})
	if dead {
		return errClosed
	}
	return nil
}

// fence takes the session off the transport that carries it, and returns when
// nobody reads or writes that any more.
func (c *Conn) fence() error {
	c.mu.Lock()
	t := c.transport
	c.mu.Unlock()
	c.lose(t, errFenced)
	timer := time.NewTimer(fenceLongest)
	defer timer.Stop()
	select {
	case <-t.gone:
		return nil
	case <-timer.C:
		c.fail(ErrStuck)
		return ErrStuck
	}
}

// judge tells why the session cannot go on as its client proposes, or notes
// that it will. A verdict changes nothing.
func (c *Conn) judge(now time.Time, r packet.Resume) packet.Verdict {
	c.mu.Lock()
	switch {
	case c.dead || c.state == closed || c.state == handshaking:
		c.mu.Unlock()
		return packet.Verdict{Code: packet.VerdictUnknown}
	case r.Epoch <= c.epoch:
		c.mu.Unlock()
		return packet.Verdict{Code: packet.VerdictStale}
	case !c.accepts(r.Position):
		c.mu.Unlock()
		return packet.Verdict{Code: packet.VerdictRefused}
	}
	moved := c.resume.moved(c.flow.acked, c.received.Load()) || r.Position > c.flow.acked
	until := now
	if !c.carried {
		until = c.resume.gone
	}
	quick := until.Sub(c.resume.at) < fruitlessWindow // where nothing is said, nothing can move
	wait, stuck := c.resume.judge(now, moved || !quick)
	if wait == 0 && !stuck {
		c.epoch = r.Epoch
	}
	c.mu.Unlock()
	if stuck {
		c.fail(ErrStuck)
		return packet.Verdict{Code: packet.VerdictUnknown}
	}
	if wait > 0 {
		return packet.Verdict{Code: packet.VerdictRetryAfter, DelayMS: uint32(wait.Milliseconds()) + 1}
	}
	return packet.Verdict{}
}
