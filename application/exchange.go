package application

import (
	"errors"

	"github.com/singchia/geminio/multiplexer"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

// errHalted says that an exchange cannot go on; its owner knows why.
var errHalted = errors.New("halted")

// forever is the patience of what only its own end can stop.
var forever = patience{}

// An exchange is one side's half of a call, publication or registration while
// it sends, and while it waits for the outcome.
type exchange struct {
	// The stream's mu guards
	w        *wait.Waiter // nil when nobody waits any more
	halted   bool         // it is answered, withdrawn, or the stream is over
	granted  bool         // what it announced may be sent
	handedOn bool         // it is sent, and no goroutine waits for the outcome

	// The goroutine that sends, until it hands the exchange on under mu.
	class packet.Class // of the first frame
	mark  uint64       // of the first frame, 0 while it is not queued

	head [64]byte // room for the fields of its frame
}

// halt stops x. The stream's mu is held.
func (x *exchange) halt() {
	x.halted = true
	if x.w != nil {
		x.w.Wake()
	}
}

// grant lets x send what it announced. The stream's mu is held.
func (x *exchange) grant() {
	x.granted = true
	if x.w != nil {
		x.w.Wake()
	}
}

// isHalted tells whether x must stop.
func (s *Stream) isHalted(x *exchange) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return x.halted
}

// takeCredit waits for n bytes and one item of c.
func (s *Stream) takeCredit(x *exchange, c *sendCredit, n int, p *patience) error {
	if c.take(n, x.w) {
		return nil
	}
	for {
		err := p.wait(x.w)
		if err == nil && s.isHalted(x) {
			err = errHalted
		}
		if err != nil {
			c.abandon(x.w)
			return err
		}
		if c.granted(x.w) {
			return nil
		}
	}
}

// append queues one frame and returns its mark. It waits for room in class.
// Where through is set, the close of the stream by this side does not stop it.
// The stream must have been begun.
func (s *Stream) append(x *exchange, class packet.Class, h packet.Header, fields, a, b []byte, p *patience, through bool) (uint64, error) {
	h.Stream = uint32(s.StreamID())
	link := s.end.conn
	for {
		mark, err := link.Append(class, h, fields, a, b, x.w)
		if err == nil {
			return mark, nil
		}
		if !errors.Is(err, wait.ErrMustWait) {
			return 0, errHalted
		}
		if err := p.wait(x.w); err != nil {
			link.Withdraw(x.w)
			return 0, err
		}
		s.mu.Lock()
		halted := x.halted && !(through && s.over == multiplexer.ClosedHere)
		s.mu.Unlock()
		if halted {
			link.Withdraw(x.w)
			return 0, errHalted
		}
	}
}

// awaitGrant waits until the peer allows what x announced.
func (s *Stream) awaitGrant(x *exchange, p *patience) error {
	for {
		s.mu.Lock()
		granted, halted := x.granted, x.halted
		s.mu.Unlock()
		switch {
		case halted:
			return errHalted
		case granted:
			return nil
		}
		if err := p.wait(x.w); err != nil {
			return err
		}
	}
}

// sendBody queues the content that x announced. The stream must have been
// begun. mark is that of the last frame.
func (s *Stream) sendBody(x *exchange, head packet.BodyHead, custom, data []byte, p *patience, through bool) (mark uint64, err error) {
	const most = packet.MaxPayload - packet.BodyHeadLen
	fields := packet.AppendBody(x.head[:0], head)
	h := packet.Header{Type: packet.TypeBody, Flags: packet.FlagMORE}
	for len(custom)+len(data) > 0 {
		a := custom[:min(len(custom), most)]
		b := data[:min(len(data), most-len(a))]
		custom, data = custom[len(a):], data[len(b):]
		if len(custom)+len(data) == 0 {
			h.Flags = 0
		}
		if mark, err = s.append(x, packet.Bulk, h, fields, a, b, p, through); err != nil {
			return mark, err
		}
	}
	return mark, nil
}

// sendCancel withdraws what was queued in class. It never waits.
func (s *Stream) sendCancel(class packet.Class, head packet.BodyHead) {
	if !s.Begin() {
		return // END withdraws everything
	}
	var fields [packet.CancelLen]byte
	h := packet.Header{Type: packet.TypeCancel, Stream: uint32(s.StreamID())}
	_, _ = s.end.conn.Append(class, h, packet.AppendCancel(fields[:0], packet.Cancel(head)), nil, nil, nil)
	s.Finish()
}
