package conn

import (
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

// receive takes what one read of the transport gave, at now, which lies in sl.
// empty says that nothing more was there to be read. An error is a breach of
// the rules by the peer.
func (s *session) receive(now time.Time, data []byte, sl *slab.Slab, empty bool) error {
	s.in.now = now
	err := s.parse(data, sl)
	s.handler.EndBatch()
	if err == nil {
		s.progress(empty)
	}
	return err
}

// progress tells the peer of what was received, now or soon.
func (s *session) progress(empty bool) {
	pos := s.in.pos
	if pos == s.received.Load() {
		return
	}
	s.received.Store(pos)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch untold := pos - s.ackTold; {
	case untold >= ackEvery || untold >= ackIdle && empty:
		s.ackDue = true
		s.kick()
	case untold > 0 && !s.down:
		s.driver.ackSoon()
	}
}

// ackLate tells the peer of what has been untold for long enough. mu is held.
func (s *session) ackLate() {
	if s.received.Load() > s.ackTold {
		s.ackDue = true
		s.kick()
	}
}

// dispatch takes the frames of the connection itself and hands the others up.
func (s *session) dispatch(h packet.Header, payload []byte) error {
	switch h.Type {
	case packet.TypePing:
		ping, err := packet.ParsePing(payload)
		if err != nil {
			return err
		}
		return s.handlePing(ping)
	case packet.TypePong:
		pong, err := packet.ParsePong(payload)
		if err != nil {
			return err
		}
		return s.handlePong(pong)
	case packet.TypeAck:
		ack, err := packet.ParseAck(payload)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.acknowledged(s.in.now, ack.Position)
	case packet.TypeClose:
		msg, err := packet.ParseClose(payload)
		if err != nil {
			return err
		}
		return s.handleClose(msg)
	case packet.TypeClosed:
		return s.handleClosed()
	}
	if !h.Type.Known() {
		return nil // a type that may be skipped, or Check had refused it
	}
	return s.handler.HandleFrame(h, payload)
}

// handlePing checks that both sides have counted the same, and notes the
// answer.
func (s *session) handlePing(ping packet.Ping) error {
	if ping.Position != s.in.pos {
		return protocolError("peer has sent %d counted bytes, %d were received", ping.Position, s.in.pos)
	}
	s.mu.Lock()
	s.pongs[ping.Kind] = owedPong{due: true, opaque: ping.Opaque}
	s.kick()
	s.mu.Unlock()
	if ping.Kind == packet.PingBeat {
		s.driver.beaten()
	}
	return nil
}

func (s *session) handlePong(pong packet.Pong) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pong.Kind == packet.PingProbe {
		s.flow.pong(s.in.now, pong.Opaque, s.in.pos)
		if s.bulk.bytes() > 0 {
			s.kick()
		}
	}
	return s.acknowledged(s.in.now, pong.Position)
}

func (s *session) handleClose(msg packet.Close) error {
	s.goodbye = packet.TypeClose
	s.mu.Lock()
	effects, ok := s.step(closeReceived)
	s.mu.Unlock()
	if !ok {
		return protocolError("CLOSE out of place")
	}
	if effects&notifyClose != 0 {
		s.handler.HandleClose(msg.Code, string(msg.Text))
	}
	return nil
}

func (s *session) handleClosed() error {
	s.goodbye = packet.TypeClosed
	s.mu.Lock()
	defer s.mu.Unlock()
	ok := !s.closeDue // else our CLOSE has not left yet
	if ok {
		_, ok = s.step(closedGot)
	}
	if !ok {
		return protocolError("CLOSED out of place")
	}
	s.kick()
	return nil
}
