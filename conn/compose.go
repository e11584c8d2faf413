package conn

import (
	"math"
	"net"
	"time"

	"github.com/singchia/geminio/packet"
)

// batchSize is how many bytes one write takes at most, give or take a frame:
// more makes a call behind it wait, less costs throughput.
const batchSize = 256 << 10

// A batch is what one write takes.
type batch struct {
	uncounted []byte // preface, ACK, PONG, PING
	pieces    []piece
	vectors   net.Buffers
	left      net.Buffers // what of vectors is not written
	joined    []byte
}

// mayGo returns how many bytes could be composed now.
func (s *session) mayGo(now time.Time) int {
	n := s.control.bytes() + s.messages.bytes()
	if n < yieldBelow && s.bulk.bytes() > 0 {
		n += min(s.bulk.bytes(), s.flow.room(now))
	}
	if s.ackDue || s.beatDue || s.pongs != (owedPongs{}) {
		n += packet.HeaderLen
	}
	return n + len(s.ends)
}

// compose makes the next batch and tells whether there is anything in it. It
// is the one place that counted frames pass. mu is held.
func (s *session) compose(now time.Time) bool {
	b := &s.out
	b.uncounted, b.pieces = b.uncounted[:0], b.pieces[:0]
	start, bulk, loaded := s.sent, false, !s.flow.drained()
	if s.ring.replays() {
		b.pieces, s.sent = s.ring.replay(b.pieces, batchSize)
	} else {
		bulk = s.composeNew(now)
		s.sent = s.pos
	}
	s.composeUncounted(now, start, bulk, loaded)
	if len(b.pieces) > 0 && s.waiting.IsZero() {
		s.waiting = now
	}
	return len(b.pieces) > 0 || len(b.uncounted) > 0
}

// composeNew takes from the queues what goes next. It tells whether there are
// stream bytes, in the batch or held back.
func (s *session) composeNew(now time.Time) (bulk bool) {
	s.queueFarewells()
	control := s.composeFrom(&s.control, math.MaxInt)

	var room, calls, bytes int
	if s.bulk.bytes() > 0 && !s.said {
		room = min(s.flow.room(now), s.replayRoom())
	}
	share := batchSize
	if room > 0 {
		share = batchSize / 4 * 3
	}
	if !s.said {
		calls = s.composeFrom(&s.messages, min(share, s.replayRoom()))
	}
	if calls > 0 {
		s.flow.composedCalls(now, s.pos)
	}
	s.frameMost = s.flow.frame(now)
	bulkStart := s.pos
	if room > 0 {
		bytes = s.composeFrom(&s.bulk, min(room, max(batchSize-control-calls, batchSize/4)))
	}
	if !s.said {
		s.composeEnds()
	}
	s.queueFarewells()
	s.composeFrom(&s.control, math.MaxInt)

	if s.bulk.bytes()+s.messages.bytes() > 0 && (s.replayRoom() == 0 || s.flow.inFlight() >= s.flow.replay) {
		s.flow.full = true
	}
	if len(s.out.pieces) > 0 {
		s.flow.composed(now, bulkStart, bytes, s.pos)
		s.control.wake()
		s.messages.wake()
		s.bulk.wake()
	}
	return bytes > 0 || s.bulk.bytes() > 0
}

// composeFrom moves about limit bytes of q to the batch, and to the ring where
// the session needs one. It returns how many.
func (s *session) composeFrom(q *queue, limit int) (n int) {
	b := &s.out
	first := len(b.pieces)
	b.pieces, n = q.compose(b.pieces, limit)
	if s.retain {
		end := s.pos
		for _, p := range b.pieces[first:] {
			end += uint64(p.end - p.start)
			s.ring.push(p, end)
		}
	}
	s.pos += uint64(n)
	return n
}

// composeEnds queues the ENDs before which everything is composed.
func (s *session) composeEnds() {
	i := 0
	for ; i < len(s.ends); i++ {
		e := s.ends[i]
		if s.messages.composed < e.messages || s.bulk.composed < e.bulk {
			break
		}
		s.put(&s.control, packet.Header{Type: packet.TypeEnd, Stream: e.stream}, nil, nil, nil)
	}
	if i > 0 {
		s.ends = s.ends[:copy(s.ends, s.ends[i:])]
	}
}

// composeUncounted writes what goes before the batch, which begins at position
// pos, and is neither counted nor kept. loaded tells whether stream bytes are
// on the way from an earlier one.
func (s *session) composeUncounted(now time.Time, pos uint64, bulk, loaded bool) {
	b := &s.out
	add := func(t packet.Type, payload []byte) {
		b.uncounted = packet.AppendHeader(b.uncounted, packet.Header{Type: t, Length: len(payload)})
		b.uncounted = append(b.uncounted, payload...)
	}
	var payload [packet.PingLen]byte
	received := s.received.Load()
	for kind := range s.pongs {
		if owed := &s.pongs[kind]; owed.due {
			s.ackTold = received
			pong := packet.Pong{Kind: packet.PingKind(kind), Opaque: owed.opaque, Position: received}
			add(packet.TypePong, packet.AppendPong(payload[:0], pong))
			*owed = owedPong{}
		}
	}
	if s.ackDue {
		s.ackDue = false
		if received > s.ackTold {
			s.ackTold = received
			add(packet.TypeAck, packet.AppendAck(payload[:0], packet.Ack{Position: received}))
		}
	}
	if s.beatDue {
		s.beatDue = false
		add(packet.TypePing, packet.AppendPing(payload[:0], packet.Ping{Kind: packet.PingBeat, Position: pos}))
	}
	if probe := (len(b.pieces) > 0 || bulk) && s.flow.probeDue(now, bulk); probe || s.askDue {
		ping := packet.Ping{Kind: packet.PingProbe, Position: pos}
		if probe {
			ping.Opaque = s.flow.sendProbe(now, loaded, received)
		}
		s.askDue = false
		add(packet.TypePing, packet.AppendPing(payload[:0], ping))
	}
	if !s.prefaced && (len(b.uncounted) > 0 || len(b.pieces) > 0) {
		s.prefaced = true
		b.uncounted = append([]byte(packet.Preface), b.uncounted...)
	}
}

// settleBatch gives back the batch that was written, or was not: what may have
// to be sent again is kept apart from it. mu is held.
func (s *session) settleBatch() {
	b := &s.out
	for _, p := range b.pieces {
		p.seg.release()
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
