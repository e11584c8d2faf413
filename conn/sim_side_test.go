package conn

import (
	"io"
	"time"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
)

// A simSide is one side of a session, and what Conn is for it outside: it
// plays the reader and the flusher step by step, the timers, and the loss of a
// transport. Its Conn is nothing but a session that can be judged.
type simSide struct {
	Conn
	w     *simWorld
	name  string
	other *simSide
	lane  simLane // what it sends

	wire   *simWire
	tx, rx *simPipe

	// the flusher, which runs while writing is set
	composed bool // there is a batch that is not written
	off      int  // how much of it is

	// the reader, which runs while reading is set
	hand        []byte // was read, and not yet taken
	handBuf     []byte
	dawdles     int // the reader is not given the processor before this step
	prefaceLeft int
	told        uint64 // the position that this side told last, as the peer may know it

	// when timers fire; zero: they are stopped
	ackAt, beatAt, lifeTimer, lingerAt, lastReadAt, holdAt time.Time

	owed        int // frames that Compose of the layer above will append
	farewellDue bool
	budget      int // bytes that it will still append
	toldOver    bool
	seen        simProgress
}

// simProgress is what must never go back.
type simProgress struct{ acked, received, pos, high uint64 }

func newSimSide(w *simWorld, name string) *simSide {
	d := &simSide{w: w, name: name}
	d.init(d, w.now)
	d.handler, d.retain, d.born = d, true, w.now
	if w.rnd.IntN(2) == 0 {
		d.flow.replay = (64 + w.rnd.IntN(192)) << 10
	}
	d.life = liveness{interval: w.interval, beats: name == "client", beat: w.now, eager: true}
	d.budget = w.budget
	return d
}

// carryBy is what Conn.carry does.
func (d *simSide) carryBy(wire *simWire) {
	d.wire = wire
	if d.tx, d.rx = &wire.up, &wire.down; d.name == "server" {
		d.tx, d.rx = d.rx, d.tx
	}
	d.carried, d.down, d.reading = true, false, true
	d.prefaceLeft = len(packet.Preface)
	d.told = d.received.Load()
	d.lastHeard(d.w.now)
	d.lifeTimer = d.w.now.Add(d.life.interval)
	d.kick()
}

func (d *simSide) lastHeard(now time.Time) { d.heard.Store(int64(now.Sub(d.born))) }

func (d *simSide) heardAt() time.Time { return d.born.Add(time.Duration(d.heard.Load())) }

// The driver of the session.

func (d *simSide) startFlusher() { d.composed = false }

func (d *simSide) stepped(effect) {}

func (d *simSide) ackSoon() {
	if d.ackAt.IsZero() {
		d.ackAt = d.w.now.Add(ackLatest)
	}
}

func (d *simSide) beaten() {}

// The layer above.

func (d *simSide) HandleFrame(h packet.Header, payload []byte) error {
	d.other.lane.deliver(d, h, 0, len(payload), payload)
	return nil
}

func (d *simSide) HandleData(h packet.Header, off int, part []byte, _ *slab.Slab) error {
	if h.Length <= wholeData && len(part) != h.Length {
		d.w.violation("a DATA frame of %d bytes comes in parts", h.Length)
	}
	d.other.lane.deliver(d, h, off, h.Length, part)
	return nil
}

func (d *simSide) HandleBody(h packet.Header, b packet.BodyHead, off int, part []byte) error {
	if off == 0 {
		d.other.lane.deliver(d, h, 0, h.Length, packet.AppendBody(nil, b))
	}
	d.other.lane.deliver(d, h, off+packet.BodyHeadLen, h.Length, part)
	return nil
}

func (d *simSide) EndBatch() {}

func (d *simSide) Compose() {
	for ; d.owed > 0; d.owed-- {
		d.append(packet.Control, packet.Header{Type: packet.TypeCredit, Stream: simStream(packet.Control)}, 8)
	}
}

func (d *simSide) HandleClose(packet.Code, string) { d.farewellDue = true }

func (d *simSide) HandleClosed(error) {}

// flush is one step of Conn.flush, and tells whether it got anywhere.
func (d *simSide) flush() bool {
	if !d.writing {
		return false
	}
	if d.composed {
		return d.write()
	}
	if d.bits.Swap(false) {
		d.Compose()
	}
	d.mu.Lock()
	b := d.lane.beforeCompose(d)
	some := !d.down && !d.mute && d.compose(d.w.now)
	if some {
		d.lane.afterCompose(d, b)
	}
	if d.holdAt.IsZero() && !d.flow.holdSince.IsZero() {
		d.holdAt = d.flow.holdSince.Add(holdLongest + time.Millisecond)
	}
	if d.overrun() {
		d.w.violation("I3 Buffer: %d bytes are unacknowledged of %d", d.unacknowledged(), d.flow.replay)
	}
	switch {
	case some:
		d.composed, d.off = true, 0
		if !d.waiting.IsZero() && d.lifeTimer.Sub(d.w.now) > suspectAfter {
			d.lifeTimer = d.w.now.Add(suspectAfter)
		}
	case d.bits.Load() && !d.down && !d.mute:
	default:
		d.rest()
	}
	d.mu.Unlock()
	d.settle()
	return true
}

// rest is what Conn.rest does. The mutex is held.
func (d *simSide) rest() {
	d.settleBatch()
	d.idle()
	d.capped = d.bulk.bytes() > 0
	d.writing = false
	if d.finishing && !d.closedDue && !d.down && !d.mute && d.control.bytes() == 0 {
		d.mute = true
		d.tx.ended = true // what endTransport does
		d.lastReadAt = d.w.now.Add(lingerLongest)
	}
}

// write hands more of the batch to the transport.
func (d *simSide) write() bool {
	left := d.w.size(1 << 18)
	off, wrote := d.off, 0
	b := &d.Conn.session.out
	for i := -1; i < len(b.pieces); i++ {
		v := b.uncounted
		if i >= 0 {
			v = b.pieces[i].bytes()
		}
		if off >= len(v) {
			off -= len(v)
			continue
		}
		v = v[off:]
		off = 0
		n, err := d.tx.write(d.w.now, v[:min(len(v), left)])
		if err != nil {
			d.unwritten()
			return true
		}
		d.off, left, wrote = d.off+n, left-n, wrote+n
		if n < len(v) {
			return wrote > 0
		}
	}
	d.mu.Lock()
	if len(b.pieces) > 0 {
		d.lastTaken = d.w.now
	}
	d.settleBatch()
	d.mu.Unlock()
	d.composed = false
	return true
}

// unwritten is what Conn.unwritten does.
func (d *simSide) unwritten() {
	d.mu.Lock()
	d.settleBatch()
	d.mute = true
	d.mu.Unlock()
	d.composed = false
	d.lingerAt = d.w.now.Add(lingerLongest)
}

// read is one step of Conn.readLoop: to read, or to take what was read.
func (d *simSide) read() bool {
	if len(d.hand) > 0 {
		if d.w.step < d.dawdles {
			return false
		}
		d.take()
		return true
	}
	if !d.reading {
		return false
	}
	n := 0
	if !d.down {
		n = d.rx.ready(d.w.now)
	}
	switch {
	case n > 0:
		d.hand = d.rx.take(d.handBuf[:0], min(n, d.w.size(slab.Size)))
		d.handBuf = d.hand
		if d.w.rnd.IntN(16) == 0 {
			d.dawdles = min(d.w.step+d.w.rnd.IntN(400), simSteps)
		}
		d.lastHeard(d.w.now)
	case d.down, d.rx.ended && len(d.rx.bytes) == 0:
		d.reading = false
		d.lose(io.ErrUnexpectedEOF)
		d.settle()
	default:
		return false
	}
	return true
}

// take is what the reader does with what it read.
func (d *simSide) take() {
	data := d.hand
	if d.prefaceLeft > 0 {
		n := min(d.prefaceLeft, len(data))
		if at := len(packet.Preface) - d.prefaceLeft; string(data[:n]) != packet.Preface[at:at+n] {
			d.w.violation("no preface, but %q", data[:n])
		}
		d.prefaceLeft -= n
		data = data[n:]
	}
	if len(data) > 0 {
		if err := d.receive(d.w.now, data, nil, len(data) < slab.Size); err != nil {
			d.w.violation("%s refuses what its peer sent: %v", d.name, err)
		}
		d.other.lane.received(d)
	}
	for i := range d.hand {
		d.hand[i] = 0xdb // nobody may have kept a part of it
	}
	d.hand = nil
}

// lose is what Conn.lose does.
func (d *simSide) lose(cause error) {
	if d.down {
		return
	}
	d.mu.Lock()
	if d.state != closed {
		d.down, d.lostBy = true, cause
	} else {
		d.end(cause)
	}
	d.mu.Unlock()
	hangUp(d.tx, d.rx, d.w.rnd.IntN(len(d.tx.bytes)+1))
	d.settle()
}

// giveUp is what Conn.fail does.
func (d *simSide) giveUp(cause error) {
	d.mu.Lock()
	d.end(cause)
	d.mu.Unlock()
	if d.carried {
		hangUp(d.tx, d.rx, len(d.tx.bytes))
	}
	d.settle()
}

// settle is what Conn.settle does: the fence.
func (d *simSide) settle() {
	if d.reading || d.writing {
		return
	}
	if d.carried && d.down {
		d.ackAt, d.lifeTimer, d.lingerAt, d.lastReadAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
		d.mu.Lock()
		d.carried = false
		d.w.count.inReplay += bit(d.ring.replays())
		d.detach()
		d.w.count.inFrame += bit(d.in.seen > 0)
		if !d.dead && d.state == closed {
			d.end(errClosed)
		}
		if !d.dead {
			d.Conn.session.step(cut)
		}
		d.mu.Unlock()
		d.lane.checkRing(d)
	}
	if d.dead && !d.carried && !d.toldOver {
		d.toldOver = true
		d.mu.Lock()
		d.dropAll()
		d.mu.Unlock()
	}
}

// farewellSaid is what Conn.Offline does.
func (d *simSide) sayFarewell() {
	d.farewellDue = false
	d.mu.Lock()
	if d.farewell() {
		d.end(errClosed)
	}
	d.mu.Unlock()
	d.settle()
}
