package conn

import (
	"net"
	"runtime"
	"time"

	"github.com/singchia/geminio/packet"
)

const (
	// batchSize is how many bytes one write takes at most, give or take a
	// frame: more makes a call behind it wait, less costs throughput.
	batchSize = 256 << 10

	// yieldBelow is the size of a batch for which the flusher first lets
	// others run: with many callers, their frames then share one write. Two
	// frames of 16 KiB should, too: at 16 KiB a hundred streams that write as
	// much at a time had a third less.
	yieldBelow = 32 << 10

	// copyBelow is the size of a piece that is copied to share a write where
	// the transport takes one buffer at a time.
	copyBelow = 32 << 10
)

// A batch is what one write takes.
type batch struct {
	uncounted []byte // preface, ACK, PONG, PING
	pieces    []piece
	end       uint64 // position behind it
	vectors   net.Buffers
	left      net.Buffers // what of vectors is not written
	joined    []byte
}

// flush writes until nothing is left to be written, and ends. At most one
// flush runs; kick starts it.
func (c *Conn) flush() {
	for {
		if c.bits.Swap(false) {
			c.handler.Compose()
		}
		now := time.Now() // once for each batch: it costs as much as the rest of composing
		c.mu.Lock()
		if n := c.mayGo(now); n > 0 && n < yieldBelow && !c.dead {
			c.mu.Unlock()
			runtime.Gosched()
			if c.bits.Swap(false) {
				c.handler.Compose()
			}
			c.mu.Lock()
		}
		if c.dead || c.mute || !c.compose(now) {
			if c.bits.Load() && !c.dead && !c.mute {
				c.mu.Unlock()
				continue
			}
			c.rest()
			return
		}
		c.mu.Unlock()

		if err := c.write(); err != nil {
			c.unwritten(err)
			continue // to end in the usual place
		}
		c.mu.Lock()
		c.written(now)
		c.mu.Unlock()
	}
}

// rest ends the flusher. The mutex is held and given up.
func (c *Conn) rest() {
	c.control.idle()
	c.messages.idle()
	c.bulk.idle()
	c.capped = c.bulk.bytes() > 0
	finished := c.finishing && !c.closedDue && !c.dead && !c.mute && c.control.bytes() == 0
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

// mayGo returns how many bytes could be composed now.
func (c *Conn) mayGo(now time.Time) int {
	n := c.control.bytes() + c.messages.bytes()
	if n < yieldBelow && c.bulk.bytes() > 0 {
		n += min(c.bulk.bytes(), c.flow.room(now))
	}
	if c.ackDue || c.beatDue || c.pongs != (owedPongs{}) {
		n += packet.HeaderLen
	}
	return n + len(c.ends)
}

// compose makes the next batch and tells whether there is anything in it. The
// mutex is held.
func (c *Conn) compose(now time.Time) bool {
	b := &c.out
	b.uncounted, b.pieces = b.uncounted[:0], b.pieces[:0]
	c.queueFarewells()

	start := c.pos
	var n, calls, bytes int
	b.pieces, n = c.control.compose(b.pieces, int(^uint(0)>>1))
	c.pos += uint64(n)

	room := 0
	if c.bulk.bytes() > 0 && !c.said {
		room = c.flow.room(now)
		c.watchHold()
	}
	share := batchSize
	if room > 0 {
		share = batchSize / 4 * 3
	}
	if !c.said {
		b.pieces, calls = c.messages.compose(b.pieces, share)
		c.pos += uint64(calls)
	}
	if calls > 0 {
		c.flow.lastCall = now
	}
	bulkStart := c.pos
	if room > 0 {
		b.pieces, bytes = c.bulk.compose(b.pieces, min(room, max(batchSize-n-calls, batchSize/4)))
		c.pos += uint64(bytes)
	}
	if !c.said {
		c.composeEnds()
	}
	c.queueFarewells()
	b.pieces, n = c.control.compose(b.pieces, int(^uint(0)>>1))
	c.pos += uint64(n)

	c.composeUncounted(now, start, bytes > 0 || c.bulk.bytes() > 0)
	if len(b.pieces) == 0 && len(b.uncounted) == 0 {
		return false
	}
	c.flow.composed(now, bulkStart, bytes, c.pos)
	b.end = c.pos
	c.control.wake()
	c.messages.wake()
	c.bulk.wake()
	return true
}

// watchHold has the flusher look again when stream bytes have been held as long
// as they may.
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

// composeEnds queues the ENDs before which everything is composed.
func (c *Conn) composeEnds() {
	i := 0
	for ; i < len(c.ends); i++ {
		e := c.ends[i]
		if c.messages.composed < e.messages || c.bulk.composed < e.bulk {
			break
		}
		c.put(&c.control, packet.Header{Type: packet.TypeEnd, Stream: e.stream}, nil, nil, nil)
	}
	if i > 0 {
		c.ends = c.ends[:copy(c.ends, c.ends[i:])]
	}
}

// composeUncounted writes what goes before the batch, which begins at position
// pos, and is neither counted nor kept.
func (c *Conn) composeUncounted(now time.Time, pos uint64, bulk bool) {
	b := &c.out
	add := func(t packet.Type, payload []byte) {
		b.uncounted = packet.AppendHeader(b.uncounted, packet.Header{Type: t, Length: len(payload)})
		b.uncounted = append(b.uncounted, payload...)
	}
	var payload [packet.PingLen]byte
	received := c.received.Load()
	for kind := range c.pongs {
		if owed := &c.pongs[kind]; owed.due {
			c.ackTold = received
			owed.ping.Position = received
			add(packet.TypePong, packet.AppendPong(payload[:0], packet.Pong(owed.ping)))
			*owed = owedPong{}
		}
	}
	if c.ackDue {
		c.ackDue = false
		if received > c.ackTold {
			c.ackTold = received
			add(packet.TypeAck, packet.AppendAck(payload[:0], packet.Ack{Position: received}))
		}
	}
	if c.beatDue {
		c.beatDue = false
		add(packet.TypePing, packet.AppendPing(payload[:0], packet.Ping{Kind: packet.PingBeat, Position: pos}))
	}
	if (len(b.pieces) > 0 || bulk) && c.flow.probeDue(now, bulk) {
		ping := packet.Ping{Kind: packet.PingProbe, Opaque: c.flow.sendProbe(now), Position: pos}
		add(packet.TypePing, packet.AppendPing(payload[:0], ping))
	}
	if !c.prefaced && (len(b.uncounted) > 0 || len(b.pieces) > 0) {
		c.prefaced = true
		b.uncounted = append([]byte(packet.Preface), b.uncounted...)
	}
}

// write hands the batch to the transport.
func (c *Conn) write() error {
	b := &c.out
	b.vectors = b.vectors[:0]
	if len(b.uncounted) > 0 {
		b.vectors = append(b.vectors, b.uncounted)
	}
	for _, p := range b.pieces {
		b.vectors = append(b.vectors, p.bytes())
	}
	if !c.gathers {
		return c.writeJoined()
	}
	if len(b.vectors) == 1 {
		_, err := c.nc.Write(b.vectors[0])
		return err
	}
	b.left = b.vectors
	_, err := b.left.WriteTo(c.nc)
	return err
}

// writeJoined writes to a transport that takes one buffer at a time: small
// neighbours are copied together, large pieces go as they lie.
func (c *Conn) writeJoined() error {
	b := &c.out
	b.joined = b.joined[:0]
	send := func(p []byte) error {
		if len(p) == 0 {
			return nil
		}
		_, err := c.nc.Write(p)
		return err
	}
	for i, v := range b.vectors {
		last := i == len(b.vectors)-1
		if len(v) < copyBelow && !(last && len(b.joined) == 0) {
			b.joined = append(b.joined, v...)
			continue
		}
		if err := send(b.joined); err != nil {
			return err
		}
		b.joined = b.joined[:0]
		if err := send(v); err != nil {
			return err
		}
	}
	err := send(b.joined)
	if cap(b.joined) > copyBelow {
		b.joined = nil
	}
	return err
}

// written settles the batch: its pieces go back, or stay until acknowledged.
func (c *Conn) written(now time.Time) {
	b := &c.out
	pos := b.end
	if len(b.pieces) > 0 { // a beat that was taken is no progress
		if c.state != open { // somebody looks at it
			now = time.Now()
		}
		c.lastTaken = now
	}
	if !c.cfg.Retain {
		for _, p := range b.pieces {
			p.seg.release()
		}
	} else {
		for i := len(b.pieces) - 1; i >= 0; i-- {
			pos -= uint64(b.pieces[i].end - b.pieces[i].start)
		}
		for _, p := range b.pieces {
			if pos += uint64(p.end - p.start); pos <= c.flow.acked {
				p.seg.release() // the answer was faster than the write's return
				continue
			}
			c.retained = append(c.retained, retained{p, pos})
		}
	}
	b.forget()
}

// forget lets go of what the batch points to: an idle connection would keep
// segments from the pool and from the collector.
func (b *batch) forget() {
	clear(b.pieces)
	clear(b.vectors)
	b.pieces, b.vectors = b.pieces[:0], b.vectors[:0]
}

// unwritten gives back a batch that could not be written and ends the
// connection. What the peer has said before it hung up, an orderly end perhaps,
// is still read, for a moment at most.
func (c *Conn) unwritten(err error) {
	c.mu.Lock()
	for _, p := range c.out.pieces {
		p.seg.release()
	}
	c.out.forget()
	c.mute = true
	if c.drain != nil {
		c.drain.Stop()
	}
	c.drain = time.AfterFunc(lingerLongest, func() { c.fail(err) })
	c.mu.Unlock()
}

// acknowledged notes that the peer has received everything below pos. The
// mutex is held.
func (c *Conn) acknowledged(now time.Time, pos uint64) error {
	if pos > c.pos {
		return protocolError("acknowledged position %d of %d sent", pos, c.pos)
	}
	if pos < c.flow.acked {
		return protocolError("acknowledged position went back from %d to %d", c.flow.acked, pos)
	}
	if pos > c.flow.acked {
		c.lastTaken = now
	}
	c.flow.ack(now, pos)
	i := 0
	for ; i < len(c.retained) && c.retained[i].end <= pos; i++ {
		c.retained[i].seg.release()
	}
	c.retained = c.retained[:copy(c.retained, c.retained[i:])]
	c.capped = false
	if c.bulk.bytes() > 0 {
		c.kick()
	}
	return nil
}
