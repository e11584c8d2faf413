package application

import (
	"github.com/singchia/geminio/packet"
)

// HandleFrame takes what the peer sent on this stream and is not bytes.
func (s *Stream) HandleFrame(h packet.Header, payload []byte) error {
	switch h.Type {
	case packet.TypeRequest:
		return s.handleRequest(h, payload)
	case packet.TypeResponse:
		return s.handleResponse(h, payload)
	case packet.TypeMessage:
		return s.handleMessage(h, payload)
	case packet.TypeMessageAck:
		return s.handleMessageAck(payload)
	case packet.TypeCreditMessage:
		return s.handleMessageLimit(payload)
	case packet.TypeGrant:
		return s.handleGrant(payload)
	case packet.TypeCancel:
		return s.handleCancel(payload)
	case packet.TypeRegister:
		return s.handleRegister(payload)
	case packet.TypeRegisterAck:
		return s.handleRegisterAck(payload)
	case packet.TypeBlocked:
		b, err := packet.ParseBlocked(h, payload)
		if err != nil {
			return err
		}
		s.handleMessagesBlocked(b.At)
		return nil
	default:
		return errUnexpectedFrame
	}
}

// HandleBody takes a part of a content that was announced.
func (s *Stream) HandleBody(kind uint8, id uint64, part []byte, last bool) error {
	switch packet.BodyKind(kind) {
	case packet.BodyRequest:
		return s.handleRequestBody(id, part, last)
	case packet.BodyResponse:
		return s.handleResponseBody(id, part, last)
	default:
		return s.handleMessageBody(id, part, last)
	}
}

// handleGrant lets an announced content go. One that does not wait any more is
// ignored.
func (s *Stream) handleGrant(payload []byte) error {
	g, err := packet.ParseGrant(payload)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch g.Kind {
	case packet.BodyRequest:
		if c := s.outgoing(g.ID); c != nil {
			c.grant()
		}
	case packet.BodyResponse:
		if sv := s.served(g.ID); sv != nil {
			sv.grant()
		}
	default:
		if pub := s.publication(g.ID); pub != nil {
			pub.grant()
		}
	}
	return nil
}

// handleCancel drops what the peer has withdrawn.
func (s *Stream) handleCancel(payload []byte) error {
	c, err := packet.ParseCancel(payload)
	if err != nil {
		return err
	}
	switch c.Kind {
	case packet.BodyRequest:
		s.handleRequestCancel(c.ID)
	case packet.BodyResponse:
		s.handleResponseCancel(c.ID)
	default:
		s.dropMessage(c.ID)
	}
	return nil
}
