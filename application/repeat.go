package application

import (
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

// publisherOf returns the publisher in whose sequence the message is, nil where
// it is a message of this session alone.
func (s *Stream) publisherOf(m *packet.Message) *publisher {
	if options.Cnss(m.Cnss) != options.CnssAtEffectiveOnce || m.ID&sequenceBit == 0 || !s.isDefault() {
		return nil
	}
	return s.end.publisher
}

// reclaim takes the message seq, which comes on s, out of the inbox of another
// session, if it waits there: it is delivered on s instead. No lock is held.
func (p *publisher) reclaim(s *Stream, seq uint64) {
	if m := p.waits(seq); m != nil && m.receipt.stream != s {
		m.receipt.stream.dropMessage(seq)
	}
}

// repeated deals with a message that was received before, on this session or an
// earlier one: it is not delivered again. If it was decided the publisher is
// told, else when it is. memory is what its content must ask for room, nil
// where it fits its window. mu is held.
func (s *Stream) repeated(m *receivedMessage, was fate, said refusal, memory *bodyMemory) {
	r := &m.receipt
	if was != pending {
		// What the verdict answers gives its credit back with it. A content
		// that waits for memory does not come then.
		s.end.owed.add(debt{kind: owesVerdict, stream: s, id: r.id, code: said.code, text: said.text, cost: r.cost})
		return
	}
	if memory != nil {
		// Those behind it wait until it has come.
		memory.letPass(&announced{stream: s, head: packet.BodyHead{Kind: packet.BodyMessage, ID: r.id}, memory: memory})
	}
	s.in.window.Consume(r.cost)
	s.raiseMessages()
}

// composeVerdict tells again what was decided about a message.
func (s *Stream) composeVerdict(d *debt) {
	if !s.Begin() {
		return
	}
	h := packet.Header{Type: packet.TypeMessageAck, Stream: uint32(s.StreamID())}
	_, _ = s.end.conn.Append(packet.Messages, h, packet.AppendMessageAck(nil, d.id, d.code, d.text), nil, nil, nil)
	s.Finish()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over == 0 {
		s.in.window.Consume(d.cost)
		s.raiseMessages()
	}
}
