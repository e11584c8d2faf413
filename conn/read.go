package conn

import (
	"io"
	"time"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
)

// readLoop reads until the transport ends. It blocks on the socket alone.
// Started by carry, ended by any error of the transport or the peer, waited
// for by settle.
func (c *Conn) readLoop(t *transport) {
	err := c.read(t)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // an orderly end was said in frames
	}
	b, broken := err.(*breach)
	c.mu.Lock()
	c.reading, c.breached = false, c.breached || broken
	c.mu.Unlock()
	if broken {
		c.leave(packet.CodeProtocol, b.error)
		return
	}
	c.lose(t, err)
	c.settle()
}

// A breach is what the peer did against the rules, as opposed to what befell
// the transport.
type breach struct{ error }

func (c *Conn) read(t *transport) (err error) {
	r := newReader(t.Conn, t.raw)
	defer r.close()
	if err := c.readPreface(r); err != nil {
		return err
	}
	for {
		data, s, now, err := c.next(r)
		if len(data) > 0 {
			if err := c.receive(now, data, s, len(data) < slab.Size); err != nil {
				return &breach{err}
			}
		}
		if err != nil {
			return err
		}
	}
}

// next reads. Whatever comes is a sign of life.
func (c *Conn) next(r *reader) ([]byte, *slab.Slab, time.Time, error) {
	data, s, err := r.next(&c.pinned)
	now := time.Now()
	if len(data) > 0 {
		c.heard.Store(int64(now.Sub(c.born)))
	}
	return data, s, now, err
}

// readPreface reads the bytes with which each direction of protocol 2 begins.
func (c *Conn) readPreface(r *reader) error {
	for at := 0; at < len(packet.Preface); {
		data, _, _, err := c.next(r)
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

// ackSoon is called by the session when something was received that the peer
// must be told of. The mutex is held.
func (c *Conn) ackSoon() {
	switch {
	case c.ackArmed:
		return
	case c.ackTimer == nil:
		c.ackTimer = time.AfterFunc(ackLatest, c.ackExpired)
	default:
		c.ackTimer.Reset(ackLatest)
	}
	c.ackArmed = true
}

func (c *Conn) ackExpired() {
	c.mu.Lock()
	c.ackArmed = false
	c.ackLate()
	c.mu.Unlock()
}
