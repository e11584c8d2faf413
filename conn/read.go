package conn

import (
	"io"
	"time"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
)

const (
	// ackEvery is the progress after which the peer is told of it at once,
	// ackIdle the same where the socket is empty, ackLatest how long any
	// progress stays untold.
	ackEvery  = 64 << 10
	ackIdle   = 16 << 10
	ackLatest = 200 * time.Millisecond
)

// readLoop reads until the transport ends. It blocks on the socket alone.
// Started by Start, ended by any error of the transport or the peer, waited
// for by settle.
func (c *Conn) readLoop() {
	err := c.read()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // an orderly end was said in frames
	}
	b, broken := err.(*breach)
	c.mu.Lock()
	c.reading, c.breached = false, broken
	c.mu.Unlock()
	if broken {
		c.leave(packet.CodeProtocol, b.error)
		return
	}
	c.fail(err)
	c.settle()
}

// A breach is what the peer did against the rules, as opposed to what befell
// the transport.
type breach struct{ error }

func (c *Conn) read() (err error) {
	r := newReader(c.nc, c.raw)
	defer r.close()
	if err := c.readPreface(r); err != nil {
		return err
	}
	for {
		data, s, err := c.next(r)
		if len(data) > 0 {
			err := c.parse(data, s)
			c.handler.EndBatch()
			if err != nil {
				return &breach{err}
			}
			c.progress(len(data) < slab.Size)
		}
		if err != nil {
			return err
		}
	}
}

// next reads. Whatever comes is a sign of life.
func (c *Conn) next(r *reader) ([]byte, *slab.Slab, error) {
	data, s, err := r.next(&c.pinned)
	if len(data) > 0 {
		c.heard.Store(int64(time.Since(c.born)))
	}
	return data, s, err
}

// readPreface reads the bytes with which each direction of protocol 2 begins.
func (c *Conn) readPreface(r *reader) error {
	for at := 0; at < len(packet.Preface); {
		data, _, err := c.next(r)
		for i, b := range data {
			if at == len(packet.Preface) {
				r.unread(data[i:])
				return nil
			}
			if b != packet.Preface[at] {
				return &breach{protocolError("no preface")}
			}
			at++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// progress tells the peer of what was received, now or soon. empty says that
// nothing more was there to be read.
func (c *Conn) progress(empty bool) {
	pos := c.in.pos
	if pos == c.received.Load() {
		return
	}
	c.received.Store(pos)
	c.mu.Lock()
	switch untold := pos - c.ackTold; {
	case untold >= ackEvery || untold >= ackIdle && empty:
		c.ackDue = true
		c.kick()
	case c.ackArmed || c.dead || untold == 0:
	case c.ackTimer == nil:
		c.ackArmed = true
		c.ackTimer = time.AfterFunc(ackLatest, c.ackLate)
	default:
		c.ackArmed = true
		c.ackTimer.Reset(ackLatest)
	}
	c.mu.Unlock()
}

// ackLate tells the peer of what has been untold for long enough.
func (c *Conn) ackLate() {
	c.mu.Lock()
	c.ackArmed = false
	if c.received.Load() > c.ackTold {
		c.ackDue = true
		c.kick()
	}
	c.mu.Unlock()
}

// dispatch takes the frames of the connection itself and hands the others up.
func (c *Conn) dispatch(h packet.Header, payload []byte) error {
	switch h.Type {
	case packet.TypePing:
		ping, err := packet.ParsePing(payload)
		if err != nil {
			return err
		}
		return c.handlePing(ping)
	case packet.TypePong:
		pong, err := packet.ParsePong(payload)
		if err != nil {
			return err
		}
		return c.handlePong(pong)
	case packet.TypeAck:
		ack, err := packet.ParseAck(payload)
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.acknowledged(time.Now(), ack.Position)
	case packet.TypeClose:
		msg, err := packet.ParseClose(payload)
		if err != nil {
			return err
		}
		return c.handleClose(msg)
	case packet.TypeClosed:
		return c.handleClosed()
	}
	if !h.Type.Known() {
		return nil // a type that may be skipped, or Check had refused it
	}
	return c.handler.HandleFrame(h, payload)
}

func (c *Conn) handlePing(ping packet.Ping) error {
	if ping.Position != c.in.pos {
		return protocolError("peer has sent %d counted bytes, %d were received", ping.Position, c.in.pos)
	}
	c.mu.Lock()
	c.pongs[ping.Kind] = owedPong{due: true, ping: ping}
	c.kick()
	c.mu.Unlock()
	if ping.Kind == packet.PingBeat {
		c.beats.add()
	}
	return nil
}

func (c *Conn) handlePong(pong packet.Pong) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if pong.Kind == packet.PingProbe {
		c.flow.pong(now, pong.Opaque)
		if c.bulk.bytes() > 0 {
			c.kick()
		}
	}
	return c.acknowledged(now, pong.Position)
}

func (c *Conn) handleClose(msg packet.Close) error {
	c.goodbye = packet.TypeClose
	c.mu.Lock()
	effects, ok := c.step(closeReceived)
	c.mu.Unlock()
	if !ok {
		return protocolError("CLOSE out of place")
	}
	if effects&notifyClose != 0 {
		c.handler.HandleClose(msg.Code, string(msg.Text))
	}
	return nil
}

func (c *Conn) handleClosed() error {
	c.goodbye = packet.TypeClosed
	c.mu.Lock()
	defer c.mu.Unlock()
	ok := !c.closeDue // else our CLOSE has not left yet
	if ok {
		_, ok = c.step(closedGot)
	}
	if !ok {
		return protocolError("CLOSED out of place")
	}
	c.kick()
	return nil
}
