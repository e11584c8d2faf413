package conn

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/singchia/geminio/packet"
)

const (
	// replayLeast is how many bytes are kept at first for a peer that has not
	// acknowledged them, replayMost how many at most: what a long fat path
	// holds. Both directions of a session have their own.
	replayLeast = 4 << 20
	replayMost  = 16 << 20

	// replayMargin is how far control frames, which nothing holds back, may
	// pass that: a peer that takes without acknowledging loses its session.
	replayMargin = 1 << 20
)

// A driver is what a session asks of the world.
type driver interface {
	// startFlusher has somebody compose and write until nothing is left. The
	// mutex may be held.
	startFlusher()
	// stepped says that the life of the session moved on. The mutex is held.
	stepped(effects effect)
	// ackSoon has ackLate called within ackLatest. The mutex is held.
	ackSoon()
	// beaten says that a beat of the peer has arrived. Called on the reader.
	beaten()
}

// A session is one side of two sequences of counted frames, whatever carries
// them: what is queued and composed, what the peer has not acknowledged, what
// has arrived. It has no goroutine, no clock and no socket. Bytes come in by
// parse and go out by compose; detach and attach put another transport under
// it, at any byte.
//
// Frames have positions from when they are composed. Those between acked and
// pos are kept, as the pieces of segments in which they were written; a resume
// sets sent back to what the peer has received, and compose gives them out
// again, unchanged, before anything new.
type session struct {
	// immutable after the start
	driver  driver
	handler Handler
	retain  bool // it survives its transport

	bits atomic.Bool // Compose of the handler is due

	// reader only
	in       parser
	goodbye  packet.Type   // CLOSE or CLOSED, the last of them that came in
	received atomic.Uint64 // what of in.pos others may see

	mu sync.Mutex // the send mutex: guards what follows; innermost of all locks

	state     state
	closeDue  bool // CLOSE is to be queued after all else
	closedDue bool // CLOSED is
	said      bool // nothing that is counted follows but what these two demand
	finishing bool // nothing more will be queued: the transport ends when all is out
	closeCode packet.Code
	closeText string

	dead    bool // the session is over: it takes nothing any more
	down    bool // there is no transport, or it is closed or about to be
	mute    bool // nothing can be written to it any more
	writing bool // a flusher runs

	control  queue
	messages queue
	bulk     queue
	ends     []ending // ENDs that wait for what was queued before them
	capped   bool     // what bulk holds may not go before the peer has acknowledged more

	frameMost int // what a DATA frame may take, by the cap of the last batch

	pos       uint64 // counted bytes ever composed
	sent      uint64 // of them, those handed to this transport, or received by the peer before it
	flow      flow
	ring      ring
	waiting   time.Time // since when what was sent is not acknowledged, without progress; zero: nothing is
	lastTaken time.Time // when the peer last took something

	// what goes out at the next frame border without being counted
	prefaced bool
	beatDue  bool
	askDue   bool      // a PING, because the peer is suspected to be gone
	pongs    owedPongs // by kind
	ackDue   bool
	ackTold  uint64 // the position that the peer was last told

	epoch  uint32 // of the last attempt to resume: made, or accepted
	resume resumes

	// flusher only
	out batch
}

// An owedPong is the answer to a PING: one for each kind, to the newest.
type owedPong struct {
	due    bool
	opaque uint64
}

type owedPongs [packet.PingProbe + 1]owedPong

// An ending is an END that waits until both queues are composed up to its
// marks.
type ending struct {
	stream         uint32
	messages, bulk uint64
}

func (s *session) init(d driver, now time.Time) {
	s.driver, s.down, s.lastTaken = d, true, now
	s.control.bound, s.messages.bound, s.bulk.bound = controlBound, queueBound, queueBound
	s.flow.replay, s.frameMost = replayLeast, packet.MaxPayload
}

// step moves the machine on and does what that obliges the session to. What
// the driver has to do besides is in the effects that it is told. mu is held.
func (s *session) step(e event) (effect, bool) {
	next, effects, ok := s.state.step(e)
	if !ok {
		return 0, false
	}
	s.state = next
	if effects&sendClose != 0 {
		s.closeDue = true
	}
	if effects&sendClosed != 0 {
		s.closedDue = true
	}
	if effects&finish != 0 {
		s.finishing = true
	}
	if effects&abort != 0 {
		s.dead, s.down = true, true
	}
	s.driver.stepped(effects)
	return effects, true
}

// unacknowledged returns how many bytes were composed and are not
// acknowledged. mu is held.
func (s *session) unacknowledged() int { return int(s.pos - s.flow.acked) }

// replayRoom returns how many bytes of calls, messages and streams may be
// composed before the peer must acknowledge. mu is held.
func (s *session) replayRoom() int {
	if !s.retain {
		return batchSize
	}
	return max(0, s.flow.replay-s.unacknowledged())
}

// overrun tells whether the peer takes without acknowledging. mu is held.
func (s *session) overrun() bool {
	return s.retain && s.unacknowledged() > s.flow.replay+replayMargin
}

// acknowledged notes that the peer has received everything below pos. mu is
// held.
func (s *session) acknowledged(now time.Time, pos uint64) error {
	if pos > s.sent {
		return protocolError("acknowledged position %d of %d sent", pos, s.sent)
	}
	if pos < s.flow.acked {
		return protocolError("acknowledged position went back from %d to %d", s.flow.acked, pos)
	}
	if pos > s.flow.acked {
		s.lastTaken, s.waiting = now, now
	}
	if pos == s.sent {
		s.waiting = time.Time{}
	}
	s.flow.ack(now, pos)
	s.ring.drop(pos)
	s.capped = false
	if !s.writing {
		s.idle()
	}
	if s.bulk.bytes()+s.messages.bytes() > 0 {
		s.kick()
	}
	return nil
}

// idle gives back the segments in which nothing is left.
func (s *session) idle() {
	s.control.idle()
	s.messages.idle()
	s.bulk.idle()
}

// detach takes the transport from under the session: nobody reads or writes it
// any more. What was begun and not finished on it is forgotten, but for how
// much of a frame was handed up already. mu is held.
func (s *session) detach() {
	s.settleBatch()
	s.in.detach()
	s.down, s.mute, s.prefaced = true, false, false
	s.pongs, s.ackDue, s.beatDue, s.askDue = owedPongs{}, false, false, false
	s.waiting = time.Time{}
}

// accepts tells whether the peer can have received exactly what lies below
// pos. mu is held.
func (s *session) accepts(pos uint64) bool {
	return pos >= s.flow.acked && pos <= s.pos && s.ring.border(pos)
}

// attach puts a transport under the session, whose peer has received what lies
// below pos and was told what was received here: from there on everything is
// sent again, unchanged, before anything new. The transport is used once down
// is false. mu is held.
func (s *session) attach(now time.Time, pos uint64) {
	before := s.flow.acked
	s.sent = s.pos // all of it may have been received
	_ = s.acknowledged(now, pos)
	s.ring.rewind(pos)
	s.sent = pos
	s.ackTold = s.received.Load()
	s.flow.reattached()
	s.lastTaken = now
	s.resume.attached(now, before, s.ackTold, s.pos-pos)
	s.step(resumed)
}

// dropAll gives everything back that was not written or not acknowledged. mu
// is held.
func (s *session) dropAll() {
	for _, q := range []*queue{&s.control, &s.messages, &s.bulk} {
		for q.head != nil {
			q.dropHead()
		}
	}
	s.ring.clear()
	s.ends = nil
}

// held returns how many bytes wait for the peer. mu is held.
func (s *session) held() int {
	return s.ring.bytes() + s.control.bytes() + s.messages.bytes() + s.bulk.bytes()
}
