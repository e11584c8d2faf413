package conn

import (
	"hash/crc32"
	"sort"

	"github.com/singchia/geminio/packet"
)

// A simLane is one direction of a session as it should be: what was appended,
// in which order it was composed, what of it has arrived.
type simLane struct {
	waiting [3][]simFrame // by class: appended and not composed
	queued  [3]int        // frames ever appended
	taken   [3]int        // frames ever composed
	ends    []simEnd
	sent    []simFrame // composed, in order

	up      int // of sent, the next to be handed up to the receiver's layer above
	counted int // of sent, the next that its receiver has not got whole
	partOff int // of the frame up, what was handed up
	partSum uint32
	fins    int // CLOSE and CLOSED that were composed
}

// A simFrame is a frame that was appended: end is its position, once composed.
type simFrame struct {
	h   packet.Header
	sum uint32
	end uint64
}

// A simEnd is an END, and the frames that have to be composed before it.
type simEnd struct {
	stream uint32
	before [3]int
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func simSum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// simStream is a stream that only frames of class use here.
func simStream(class packet.Class) uint32 { return 1000 * uint32(class+1) }

const simEndStream = 9000

// appended notes a frame that was queued.
func (l *simLane) appended(class packet.Class, h packet.Header, sum uint32) {
	l.waiting[class] = append(l.waiting[class], simFrame{h: h, sum: sum})
	l.queued[class]++
}

// at returns the index of the composed frame that begins at pos.
func (l *simLane) at(pos uint64) (i int, ok bool) {
	i = sort.Search(len(l.sent), func(i int) bool { return l.sent[i].end > pos })
	return i, i == 0 && pos == 0 || i > 0 && l.sent[i-1].end == pos
}

// beforeBatch is what matters of the session before a batch.
type beforeBatch struct {
	sent, pos uint64
	replays   bool
	room      int
}

func (l *simLane) beforeCompose(d *simSide) beforeBatch {
	d.w.count.full += bit(d.replayRoom() == 0 && d.bulk.bytes() > 0)
	return beforeBatch{d.sent, d.pos, d.ring.replays(), d.replayRoom()}
}

// afterCompose checks a batch: I7, every frame in it is the one at its
// position, and a new one the one whose turn it is in its queue.
func (l *simLane) afterCompose(d *simSide, b beforeBatch) {
	pos, bounded := b.sent, 0
	i, ok := l.at(pos)
	if !ok {
		d.w.violation("I2 Order: %s composes from %d, which is no border", d.name, pos)
	}
	for _, p := range d.Conn.session.out.pieces {
		for buf := p.bytes(); len(buf) > 0; i++ {
			h := packet.ParseHeader(buf)
			n := packet.HeaderLen + h.Length
			f := simFrame{h, simSum(buf[packet.HeaderLen:n]), pos + uint64(n)}
			buf = buf[n:]
			if pos >= b.pos {
				if b.replays {
					d.w.violation("I1 Prefix: %s composes something new at %d before it has repeated all", d.name, pos)
				}
				if l.compose(d, f) != packet.Control {
					bounded += n
				}
			} else if l.sent[i] != f {
				d.w.violation("I7 Same bytes: %s repeats %v at %d, which was %v", d.name, f, pos, l.sent[i])
			}
			pos = f.end
		}
	}
	if bounded > max(0, b.room)+2*(packet.HeaderLen+packet.MaxPayload)+batchSize {
		d.w.violation("I3 Buffer: %s composes %d bytes where the replay limit leaves %d", d.name, bounded, b.room)
	}
	if pos != d.sent {
		d.w.violation("I2 Order: %s has sent up to %d, and says %d", d.name, pos, d.sent)
	}
	d.seen.high = max(d.seen.high, pos)
	l.checkUncounted(d, b.sent)
}

// compose takes the next frame out of the queue that it must be from.
func (l *simLane) compose(d *simSide, f simFrame) packet.Class {
	l.sent = append(l.sent, f)
	switch {
	case f.h.Type == packet.TypeClose || f.h.Type == packet.TypeClosed:
		if l.fins++; l.open() {
			d.w.violation("%v of %s overtakes what was queued", f.h.Type, d.name)
		}
		return packet.Control
	case f.h.Type == packet.TypeEnd:
		if len(l.ends) == 0 || l.ends[0].stream != f.h.Stream {
			d.w.violation("END of %s out of turn", d.name)
		}
		for class, n := range l.ends[0].before {
			if class != int(packet.Control) && l.taken[class] < n {
				d.w.violation("END of %s overtakes %d frames", d.name, n-l.taken[class])
			}
		}
		l.ends = l.ends[1:]
		return packet.Control
	}
	class := packet.Class(f.h.Stream/1000 - 1)
	q := l.waiting[class]
	if want := (simFrame{f.h, f.sum, 0}); len(q) == 0 || q[0] != want {
		d.w.violation("I1 Prefix: %s composes %v out of turn", d.name, f)
	}
	l.waiting[class] = q[1:]
	l.taken[class]++
	return class
}

// open tells whether something waits to be composed.
func (l *simLane) open() bool {
	return len(l.waiting[0])+len(l.waiting[1])+len(l.waiting[2])+len(l.ends) > 0
}

// checkUncounted checks what goes before a batch that begins at pos.
func (l *simLane) checkUncounted(d *simSide, pos uint64) {
	for b := d.Conn.session.out.uncounted; len(b) > 0; {
		if string(b[:len(packet.Preface)]) == packet.Preface {
			b = b[len(packet.Preface):]
			continue
		}
		h := packet.ParseHeader(b)
		payload := b[packet.HeaderLen : packet.HeaderLen+h.Length]
		b = b[packet.HeaderLen+h.Length:]
		switch h.Type {
		case packet.TypeAck:
			ack, err := packet.ParseAck(payload)
			if err != nil || ack.Position <= d.told || ack.Position != d.received.Load() {
				d.w.violation("W29: %s acknowledges %d, told %d, has %d", d.name, ack.Position, d.told, d.received.Load())
			}
			d.told = ack.Position
		case packet.TypePong:
			pong, err := packet.ParsePong(payload)
			if err != nil || !d.rx.pings[packet.Ping{Kind: pong.Kind, Opaque: pong.Opaque}] {
				d.w.violation("W30: %s answers a PING that never was, or not here", d.name)
			}
			d.told = max(d.told, pong.Position)
		case packet.TypePing:
			ping, err := packet.ParsePing(payload)
			if err != nil || ping.Position != pos {
				d.w.violation("I12 Agreement: %s says %d in PING, but it stands at %d", d.name, ping.Position, pos)
			}
			d.tx.pinged(ping)
		default:
			d.w.violation("%v is counted", h.Type)
		}
	}
}

// deliver checks I1 and I13: what is handed up to the receiver d is what comes
// next, once. part begins at byte off of the payload, which has whole bytes.
func (l *simLane) deliver(d *simSide, h packet.Header, off, whole int, part []byte) {
	l.skip()
	if l.up == len(l.sent) {
		d.w.violation("I1 Prefix: %s receives %v, which was not sent", d.name, h)
	}
	f := &l.sent[l.up]
	if h != f.h || off != l.partOff {
		d.w.violation("I1 Prefix: %s receives %v from %d on, not %v from %d on", d.name, h, off, f.h, l.partOff)
	}
	l.partSum = crc32.Update(l.partSum, castagnoli, part)
	if l.partOff += len(part); l.partOff < whole {
		return
	}
	if l.partSum != f.sum || l.partOff > whole {
		d.w.violation("I1 Prefix: %s receives other bytes than %v had", d.name, h)
	}
	l.up++
	l.partOff, l.partSum = 0, 0
}

// skip passes the frames that are not handed up.
func (l *simLane) skip() {
	for l.up < len(l.sent) {
		switch t := l.sent[l.up].h.Type; {
		case t == packet.TypeClose, t == packet.TypeClosed, !t.Known():
			l.up++
		default:
			return
		}
	}
}

// received checks that what the receiver d has counted was handed up, and
// nothing else.
func (l *simLane) received(d *simSide) {
	for l.counted < len(l.sent) && l.sent[l.counted].end <= d.Conn.session.in.pos {
		l.counted++
	}
	if i, ok := l.at(d.Conn.session.in.pos); !ok || i != l.counted {
		d.w.violation("I2 Order: %s counts up to %d, which is no border", d.name, d.Conn.session.in.pos)
	}
	up := l.up
	for up < l.counted {
		if t := l.sent[up].h.Type; t != packet.TypeClose && t != packet.TypeClosed && t.Known() {
			d.w.violation("I1 Prefix: %s has counted %v at %d without handing it up", d.name, l.sent[up].h, l.sent[up].end)
		}
		up++
	}
	if up != l.counted {
		d.w.violation("I1 Prefix: %s has handed up %v without counting it", d.name, l.sent[l.counted].h)
	}
}

// checkRing checks that the ring holds what was composed, byte for byte.
func (l *simLane) checkRing(d *simSide) {
	r := &d.ring
	for _, k := range r.kept[r.first:] {
		pos := k.start()
		i, ok := l.at(pos)
		for buf := k.bytes(); ok && len(buf) > 0; i++ {
			h := packet.ParseHeader(buf)
			n := packet.HeaderLen + h.Length
			pos += uint64(n)
			ok = l.sent[i] == simFrame{h, simSum(buf[packet.HeaderLen:n]), pos}
			buf = buf[n:]
		}
		if !ok {
			d.w.violation("I3 Buffer: the ring of %s holds something else at %d", d.name, pos)
		}
	}
}

// checkSide checks what must hold after every step.
func (w *simWorld) checkSide(d *simSide) {
	now := simProgress{d.flow.acked, d.Conn.session.in.pos, d.pos, d.seen.high}
	if now == d.seen && d.other.seen.received == d.seen.received {
		w.checkLife(d)
		return
	}
	was := d.seen
	d.seen = now
	got := d.other.Conn.session.in.pos
	if now.acked < was.acked || now.received < was.received || now.pos < was.pos {
		w.violation("I2 Order: %s went back from %v to %v", d.name, was, now)
	}
	if !(now.acked <= got && got <= now.high && now.high <= now.pos && now.acked <= d.sent && d.sent <= now.pos) {
		w.violation("I2 Order: %s: acked %d <= received %d <= high %d <= pos %d, sent %d", d.name, now.acked, got, now.high, now.pos, d.sent)
	}
	for _, pos := range []uint64{now.acked, d.sent} {
		if _, ok := d.lane.at(pos); !ok {
			w.violation("I2 Order: %d of %s is no border", pos, d.name)
		}
	}
	if n := d.unacknowledged(); n > d.flow.replay+replayMargin+packet.HeaderLen+packet.MaxPayload {
		w.violation("I3 Buffer: %s keeps %d bytes", d.name, n)
	}
	r, at := &d.ring, d.pos
	for i := len(r.kept) - 1; i >= r.first; i-- {
		if k := &r.kept[i]; k.end != at || k.seg.refs < 1 {
			w.violation("I3 Buffer: the ring of %s has a hole at %d", d.name, at)
		}
		at = r.kept[i].start()
	}
	if !d.toldOver && (at > now.acked || r.first < len(r.kept) && r.kept[r.first].end <= now.acked) {
		w.violation("I3 Buffer: the ring of %s begins at %d, %d is acknowledged", d.name, at, now.acked)
	}
	w.checkLife(d)
}

// checkLife checks I5 as far as it concerns a session.
func (w *simWorld) checkLife(d *simSide) {
	ok := true
	switch d.state {
	case handshaking:
		ok = false
	case open, closingByUs, closingByThem, closingByBoth:
		ok = d.carried
	case detached, detachedByUs, detachedByThem, detachedByBoth:
		ok = d.down && !d.carried
	}
	if !ok || !d.carried && (d.reading || d.writing) {
		w.violation("I5 Life cycle: %s is %v, down %v, carried %v, reading %v, writing %v",
			d.name, d.state, d.down, d.carried, d.reading, d.writing)
	}
	if d.carried && !d.down && w.now.Sub(d.heardAt()) > d.life.silence()+d.life.interval {
		w.violation("I10 Liveness: %s has heard nothing for too long and does not mind", d.name)
	}
}
