package conn

import (
	"io"
	"time"

	"github.com/singchia/geminio/packet"
)

// A simWire is a transport between the two sides: a pipe each way.
type simWire struct {
	number   int
	up, down simPipe // from the client, from the server
}

// A simPipe carries the bytes of one direction, in order, after a delay, until
// it is cut: then a prefix of what was on the way still arrives.
type simPipe struct {
	bytes []byte     // on the way
	due   []simChunk // the same, by the time of arrival
	room  int        // what it holds before a writer waits
	delay time.Duration

	hole   bool // it takes what is written, up to its room, and nothing arrives
	sunk   int
	ended  bool // nothing follows what is on the way
	broken bool // a write fails

	pings map[packet.Ping]bool // what was asked, without the position
}

func (p *simPipe) pinged(ping packet.Ping) {
	if p.pings == nil {
		p.pings = map[packet.Ping]bool{}
	}
	ping.Position = 0
	p.pings[ping] = true
}

type simChunk struct {
	n  int
	at time.Time
}

// write takes what there is room for.
func (p *simPipe) write(now time.Time, b []byte) (int, error) {
	if p.broken {
		return 0, io.ErrClosedPipe
	}
	n := min(len(b), p.room-len(p.bytes)-p.sunk)
	switch {
	case n == 0:
	case p.hole:
		p.sunk += n
	default:
		p.bytes = append(p.bytes, b[:n]...)
		p.due = append(p.due, simChunk{n, now.Add(p.delay)})
	}
	return n, nil
}

// ready returns how many bytes have arrived.
func (p *simPipe) ready(now time.Time) (n int) {
	for _, c := range p.due {
		if c.at.After(now) {
			break
		}
		n += c.n
	}
	return n
}

// take moves n bytes that have arrived to b.
func (p *simPipe) take(b []byte, n int) []byte {
	b = append(b, p.bytes[:n]...)
	p.bytes = p.bytes[n:]
	for n > 0 {
		if c := &p.due[0]; c.n > n {
			c.n -= n
			break
		}
		n -= p.due[0].n
		p.due = p.due[1:]
	}
	return b
}

// keep drops what is on the way behind the first n bytes.
func (p *simPipe) keep(n int) {
	p.bytes = p.bytes[:n]
	for i, c := range p.due {
		if c.n >= n {
			p.due = p.due[:i+1]
			p.due[i].n = n
			break
		}
		n -= c.n
	}
	if len(p.bytes) == 0 {
		p.due = nil
	}
}

// arrives returns when the next bytes do.
func (p *simPipe) arrives() (at time.Time, ok bool) {
	if len(p.due) == 0 {
		return time.Time{}, false
	}
	return p.due[0].at, true
}

// hangUp is what the side does that reads rx and writes tx when it closes its
// socket: what it wrote arrives up to byte keep, nobody reads what it was sent.
func hangUp(tx, rx *simPipe, keep int) {
	tx.keep(keep)
	tx.ended, tx.broken = true, true
	rx.keep(0)
	rx.broken = true
}
