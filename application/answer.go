package application

import (
	"github.com/singchia/geminio/packet"
)

// handleResponse takes an answer, or the announcement of one.
func (s *Stream) handleResponse(h packet.Header, payload []byte) error {
	r, err := packet.ParseResponse(h, payload)
	if err != nil {
		return err
	}
	if h.Flags&packet.FlagMORE != 0 {
		return s.announceResponse(&r)
	}
	rsp, custom, data := newResponse(&r)
	s.mu.Lock()
	c := s.outgoing(r.ID)
	if c == nil {
		s.mu.Unlock()
		return nil // it is late
	}
	if c.body != nil {
		s.mu.Unlock()
		return errDuplicateID
	}
	c.code, c.text = r.Code, string(r.Text)
	s.answer(c, rsp, custom, data)
	return nil
}

// outgoing returns the call that the peer answers. mu is held.
func (s *Stream) outgoing(id uint64) *call {
	if s.calls == nil {
		return nil
	}
	return s.calls.outgoing.get(id)
}

// answer completes c with rsp. mu is held, and unlocked.
func (s *Stream) answer(c *call, rsp *response, custom, data []byte) {
	*rsp = response{
		id: c.fields.RequestID, clientID: s.ClientID(), streamID: s.StreamID(),
		custom: custom, data: data,
	}
	c.rsp = rsp
	c.answered, c.halted = true, true
	s.calls.outgoing.remove(c.fields.ID)
	w, handedOn := c.w, c.handedOn
	s.mu.Unlock()
	if w != nil {
		s.end.batch.woken = append(s.end.batch.woken, w)
	}
	if handedOn {
		rsp, err := c.outcome()
		s.finishCall(c, rsp, err)
	}
}

// newResponse returns a response and, in as few allocations as can be, the
// content of r.
func newResponse(r *packet.Response) (rsp *response, custom, data []byte) {
	if n := len(r.Custom) + len(r.Data); n == 0 || n > littleContent {
		custom, data = join(r.Custom, r.Data, nil)
		return new(response), custom, data
	}
	both := new(struct {
		response
		room [littleContent]byte
	})
	custom, data = join(r.Custom, r.Data, both.room[:])
	return &both.response, custom, data
}

func (s *Stream) announceResponse(r *packet.Response) error {
	e := s.end
	size := int(r.CustomLen) + int(r.DataLen)
	if size > e.cfg.Limits.MaxBody {
		return errContentTooLarge
	}
	memory := &e.callMemory
	if size <= packet.FreeResponse || size <= e.cfg.Limits.ResponseWindow {
		memory = nil
		if err := e.queue.receiveResponse(size); err != nil {
			return err
		}
	}
	b := newIncoming(s, packet.BodyHead{Kind: packet.BodyResponse, ID: r.ID}, r.CustomLen, r.DataLen, memory)
	s.mu.Lock()
	c := s.outgoing(r.ID)
	switch {
	case c == nil:
		s.mu.Unlock()
		e.releaseResponse(b)
		return nil
	case c.body != nil:
		s.mu.Unlock()
		return errDuplicateID
	}
	c.code, c.text, c.body = r.Code, string(r.Text), b
	if memory != nil {
		memory.ask(&b.announced)
	}
	s.mu.Unlock()
	return nil
}

func (s *Stream) handleResponseBody(id uint64, part []byte, last bool) error {
	s.mu.Lock()
	c := s.outgoing(id)
	if c == nil || c.body == nil {
		s.mu.Unlock()
		return nil // it was withdrawn
	}
	b := c.body
	if err := b.add(part, last); err != nil || !last {
		s.mu.Unlock()
		return err
	}
	c.body = nil
	custom, data := b.content()
	s.answer(c, new(response), custom, data)
	s.end.releaseResponse(b)
	return nil
}

// releaseResponse gives back what b took: the call is over.
func (e *End) releaseResponse(b *incoming) {
	if b.memory != nil {
		b.memory.free(&b.announced)
	} else {
		e.queue.consumeResponse(b.size)
	}
}

// handleResponseCancel says that the rest of an announced answer does not come.
func (s *Stream) handleResponseCancel(id uint64) {
	s.mu.Lock()
	c := s.outgoing(id)
	if c == nil || c.body == nil {
		s.mu.Unlock()
		return
	}
	b := c.body
	c.body = nil
	c.code, c.text = packet.CodeCancelled, packet.CodeCancelled.String()
	s.answer(c, new(response), nil, nil)
	s.end.releaseResponse(b)
}
