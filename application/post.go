package application

import (
	"github.com/singchia/geminio/packet"
)

// An author writes the fields of its frame, when they are needed: the time that
// remains is part of them.
type author interface {
	appendFields(dst []byte, remainingMS uint32) []byte
}

// A letter is a request, an answer or a message that is to be sent.
type letter struct {
	author       author
	typ          packet.Type
	head         packet.BodyHead
	fixed        int // the length of the fields
	custom, data []byte

	credit *sendCredit // nil: it takes none
	cost   int         // what it takes of credit
	first  int         // the first window; what is larger waits for a grant

	bulk bool // it must not take the queue of messages

	// through: its content, once begun, is finished even if this side closes
	// the stream.
	through bool

	last uint64 // the mark of its last frame
}

// post queues l whole: in one frame, or announced and in parts. It waits for
// credit, for room and for a grant. When it fails and x.mark is not 0, a part
// has been queued.
func (s *Stream) post(x *exchange, l *letter, p *patience) error {
	inline := l.fixed+len(l.custom)+len(l.data) <= packet.MaxPayload
	cost, granted := l.cost, false
	if l.credit != nil {
		switch {
		case cost <= l.first:
			if err := s.takeCredit(x, l.credit, cost, p); err != nil {
				return err
			}
		case inline && l.credit.tryTake(cost):
		default:
			inline, granted, cost = false, true, 0
			if err := s.takeCredit(x, l.credit, 0, p); err != nil {
				return err
			}
		}
	}
	err := s.postFrames(x, l, inline, granted, p)
	if x.mark == 0 && l.credit != nil {
		l.credit.give(cost)
	}
	return err
}

func (s *Stream) postFrames(x *exchange, l *letter, inline, granted bool, p *patience) error {
	if !s.Begin() {
		return errHalted
	}
	class, h := packet.Messages, packet.Header{Type: l.typ}
	custom, data := l.custom, l.data
	if !inline {
		h.Flags = packet.FlagMORE
		custom, data = nil, nil
	}
	if !inline || l.bulk {
		class = packet.Bulk
	}
	mark, err := s.append(x, class, h, l.author.appendFields(x.head[:0], p.remainingMS()), custom, data, p, false)
	if err != nil {
		s.Finish()
		return err
	}
	x.class, x.mark, l.last = class, mark, mark
	if inline {
		s.Finish()
		return nil
	}
	if granted {
		// What waits for a grant does not hold up the end of the stream.
		s.Finish()
		if err := s.awaitGrant(x, p); err != nil {
			return err
		}
		if !s.Begin() {
			return errHalted
		}
	}
	l.last, err = s.sendBody(x, l.head, l.custom, l.data, p, l.through)
	s.Finish()
	return err
}
