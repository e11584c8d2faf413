package conn

import "github.com/singchia/geminio/packet"

// Shutdown queues CLOSE, with why, after all that has been queued. What is
// queued later goes before it too.
func (s *session) Shutdown(code uint16, text string) {
	s.mu.Lock()
	if s.state == open || s.state == closingByThem || s.state == detached || s.state == detachedByThem {
		s.closeCode, s.closeText = packet.Code(code), text
	}
	s.step(closeAsked)
	s.kick()
	s.mu.Unlock()
}

// farewell has CLOSED queued after all else. It returns true where the session
// is over instead. mu is held.
func (s *session) farewell() (over bool) {
	effects, _ := s.step(farewellSaid)
	s.kick()
	return effects&abort != 0
}

// queueFarewells appends CLOSE and CLOSED when they are due and nothing is to
// go before them any more. The mutex is held.
func (s *session) queueFarewells() {
	if !s.said && s.bulk.bytes()+s.messages.bytes()+s.control.bytes()+len(s.ends) > 0 {
		return
	}
	if s.closeDue {
		s.closeDue, s.said = false, true
		payload := packet.AppendClose(nil, s.closeCode, s.closeText)
		s.put(&s.control, packet.Header{Type: packet.TypeClose}, payload, nil, nil)
	}
	if s.closedDue {
		s.closedDue, s.said = false, true
		s.put(&s.control, packet.Header{Type: packet.TypeClosed}, nil, nil, nil)
	}
}
