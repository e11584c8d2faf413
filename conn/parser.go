package conn

import (
	"sync"
	"time"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
)

// wholeData is the size up to which a DATA frame is handed up in one part.
const wholeData = 4 << 10

// parser cuts what was read into frames. Frames that a read has cut are put
// together again in part, but for the bytes of large DATA and of BODY frames,
// which go up as they come.
type parser struct {
	part *[]byte // begun and not complete; nil: nothing
	need int     // how long part must be to be looked at again

	streaming bool // a frame's bytes go up as they come
	h         packet.Header
	body      packet.BodyHead // of a BODY
	off, left int             // of the bytes that go up

	// seen is how many bytes of the frame h went up before its transport was
	// gone: it comes again, and these are dropped.
	seen int

	now time.Time // when what is being parsed was read
	pos uint64    // counted bytes of complete frames received
}

var parts = sync.Pool{New: func() any {
	b := make([]byte, 0, packet.HeaderLen+packet.MaxPayload)
	return &b
}}

// parse hands up everything in data, which lies in sl.
func (s *session) parse(data []byte, sl *slab.Slab) error {
	p := &s.in
	for len(data) > 0 {
		var err error
		switch {
		case p.streaming:
			n := min(len(data), p.left)
			if err = s.deliverPart(data[:n:n], sl); err != nil {
				return err
			}
			data = data[n:]
		case p.part != nil:
			data, err = s.complete(data)
		default:
			data, err = s.parseFrame(data, sl)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parseFrame takes one frame off data, or keeps what there is of it.
func (s *session) parseFrame(data []byte, sl *slab.Slab) ([]byte, error) {
	p := &s.in
	if len(data) < packet.HeaderLen {
		return nil, p.keep(data, packet.HeaderLen)
	}
	h := packet.ParseHeader(data)
	if err := s.check(h); err != nil {
		return nil, err
	}
	need := needed(h)
	if len(data) < need {
		return nil, p.keep(data, need)
	}
	frame := data[:need:need]
	return data[need:], s.frame(h, frame[packet.HeaderLen:], sl)
}

// check judges a header, also by what the peer has said before.
func (s *session) check(h packet.Header) error {
	if s.goodbye != 0 && h.Type.Counted() {
		switch h.Type {
		case packet.TypeCredit, packet.TypeCreditOpen, packet.TypeCreditMessage, packet.TypeCreditCall:
		default:
			if h.Type != packet.TypeClosed || s.goodbye == packet.TypeClosed {
				return protocolError("%v behind %v", h.Type, s.goodbye)
			}
		}
	}
	if s.in.seen > 0 && h.Type.Counted() && h != s.in.h {
		return errReplay
	}
	return h.Check()
}

// detach forgets what was begun on a transport, but for how much of it went
// up.
func (p *parser) detach() {
	if p.part != nil {
		parts.Put(p.part)
		p.part = nil
	}
	if p.streaming {
		p.streaming = false
		p.seen = max(p.seen, p.off)
	}
}

// keep starts to put a frame together.
func (p *parser) keep(data []byte, need int) error {
	p.part = parts.Get().(*[]byte)
	*p.part = append((*p.part)[:0], data...)
	p.need = need
	return nil
}

// complete goes on putting a frame together, and hands it up when it is whole.
func (s *session) complete(data []byte) ([]byte, error) {
	p := &s.in
	n := min(len(data), p.need-len(*p.part))
	*p.part = append(*p.part, data[:n]...)
	data = data[n:]
	if len(*p.part) < p.need {
		return data, nil
	}
	h := packet.ParseHeader(*p.part)
	if p.need == packet.HeaderLen {
		if err := s.check(h); err != nil {
			return nil, err
		}
		if p.need = needed(h); len(*p.part) < p.need {
			return data, nil
		}
	}
	err := s.frame(h, (*p.part)[packet.HeaderLen:], nil)
	parts.Put(p.part)
	p.part = nil
	return data, err
}

// needed returns how many bytes of a frame must be there before it is handed
// up, or its bytes begin to be.
func needed(h packet.Header) int {
	switch {
	case h.Type == packet.TypeData && h.Length > wholeData:
		return packet.HeaderLen
	case h.Type == packet.TypeBody:
		return packet.HeaderLen + packet.BodyHeadLen
	}
	return packet.HeaderLen + h.Length
}

// frame takes what needed asked for: a whole frame, or the beginning of one
// whose bytes go up as they come.
func (s *session) frame(h packet.Header, payload []byte, sl *slab.Slab) error {
	p := &s.in
	switch h.Type {
	case packet.TypeData:
		if h.Length > wholeData {
			p.streaming, p.h, p.off, p.left = true, h, 0, h.Length
			return nil
		}
		if err := s.handler.HandleData(h, 0, payload, sl); err != nil {
			return err
		}
	case packet.TypeBody:
		head, err := packet.ParseBodyHead(payload)
		if err != nil {
			return err
		}
		if p.seen > 0 && head != p.body {
			return errReplay
		}
		p.streaming, p.h, p.body, p.off, p.left = true, h, head, 0, h.Length-packet.BodyHeadLen
		return nil
	default:
		if err := s.dispatch(h, payload); err != nil {
			return err
		}
	}
	p.count(h)
	return nil
}

// deliverPart hands up the next bytes of the frame that goes up as it comes,
// but for those that did before.
func (s *session) deliverPart(part []byte, sl *slab.Slab) (err error) {
	p := &s.in
	again := min(len(part), max(0, p.seen-p.off))
	off := p.off + again
	p.off += len(part)
	p.left -= len(part)
	if part = part[again:]; len(part) > 0 {
		if p.h.Type == packet.TypeData {
			err = s.handler.HandleData(p.h, off, part, sl)
		} else {
			err = s.handler.HandleBody(p.h, p.body, off, part)
		}
	}
	if p.left == 0 {
		p.streaming, p.seen = false, 0
		p.count(p.h)
	}
	return err
}

func (p *parser) count(h packet.Header) {
	if h.Type.Counted() {
		p.pos += uint64(packet.HeaderLen + h.Length)
	}
}
