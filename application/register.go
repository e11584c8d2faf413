package application

import (
	"context"
	"io"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
)

// registrationsInFlight is how many unanswered registrations of this side
// there may be on a connection: fewer than the peer must bear, because those
// of a stream that ends are not answered.
const registrationsInFlight = 64

// A method is who serves a name. What it replaced is kept until the peer has
// agreed.
type method struct {
	rpc    geminio.RPC
	before *method
	failed bool // the peer does not know of it
}

// A registration is a REGISTER of this side that is not answered.
type registration struct {
	exchange
	id     uint64
	name   string
	method *method

	// The stream's mu guards
	answered bool
	code     packet.Code
	text     string
}

// Register serves method with rpc on this stream, and returns when the peer
// knows.
func (s *Stream) Register(ctx context.Context, method string, rpc geminio.RPC) error {
	if err := ctx.Err(); err != nil {
		return s.orEOF(err)
	}
	p := s.end.patience(ctx, 0)
	reg, err := s.startRegister(method, rpc, &p)
	if err != nil {
		return err
	}
	return s.endRegister(reg, &p, nil)
}

// startRegister makes rpc usable and tells the peer.
func (s *Stream) startRegister(name string, rpc geminio.RPC, p *patience) (*registration, error) {
	if len(name) > packet.MaxName {
		return nil, s.orEOF(packet.ErrPacketTooLarge)
	}
	reg := &registration{name: name}
	s.mu.Lock()
	if s.over != 0 {
		s.mu.Unlock()
		return nil, io.EOF
	}
	r := s.rpc()
	reg.method = r.serve(name, rpc)
	if r.registrations == nil {
		r.registrations = make(map[uint64]*registration)
	}
	r.lastID++
	reg.id, reg.w = r.lastID, s.end.mux.Waiter()
	r.registrations[reg.id] = reg
	s.mu.Unlock()

	if err := s.sendRegister(reg, p); err != nil {
		return nil, s.endRegister(reg, p, err)
	}
	return reg, nil
}

// serve makes rpc usable under name. mu is held.
func (r *calls) serve(name string, rpc geminio.RPC) *method {
	if r.methods == nil {
		r.methods = make(map[string]*method)
	}
	m := &method{rpc: rpc, before: r.methods[name]}
	r.methods[name] = m
	return m
}

func (s *Stream) sendRegister(reg *registration, p *patience) error {
	slots := &s.end.registerSlots
	if err := s.takeCredit(&reg.exchange, slots, 0, p); err != nil {
		return err
	}
	if !s.Begin() {
		slots.give(0)
		return errHalted
	}
	defer s.Finish()
	s.mu.Lock()
	if s.over != 0 {
		s.mu.Unlock()
		slots.give(0)
		return errHalted
	}
	s.calls.unanswered++ // from here on it is the end of the stream that gives the slot back
	s.mu.Unlock()
	fields := packet.AppendRegister(reg.head[:0], reg.id, packet.RegisterAdd, reg.name)
	mark, err := s.append(&reg.exchange, packet.Messages, packet.Header{Type: packet.TypeRegister}, fields, nil, nil, p, false)
	if err != nil {
		s.answeredOne()
		return err
	}
	reg.class, reg.mark = packet.Messages, mark
	return nil
}

// answeredOne gives the slot of one registration back, unless the end of the
// stream has.
func (s *Stream) answeredOne() {
	s.mu.Lock()
	open := s.over == 0 && s.calls.unanswered > 0
	if open {
		s.calls.unanswered--
	}
	s.mu.Unlock()
	if open {
		s.end.registerSlots.allow(1)
	}
}

// endRegister waits for the answer to reg, unless err has ended that already,
// and returns what Register returns.
func (s *Stream) endRegister(reg *registration, p *patience, err error) error {
	for err == nil {
		if s.isHalted(&reg.exchange) {
			break
		}
		err = p.wait(reg.w)
	}
	if err == errHalted {
		s.awaitHalt(&reg.exchange)
		err = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	reg.w.Put()
	reg.w = nil
	delete(s.calls.registrations, reg.id)
	if len(s.calls.registrations) == 0 {
		s.calls.registrations = nil // most register when they begin, and never again
	}
	switch {
	case reg.answered && reg.code == packet.CodeOK:
		reg.method.before = nil
		return nil
	case reg.answered && reg.code == packet.CodeRefused:
		err = geminio.ErrTooManyRegistrations
	case reg.answered:
		err = &geminio.RemoteError{Code: uint16(reg.code), Text: reg.text}
	case s.over != 0:
		err = io.EOF
	}
	s.undoRegister(reg)
	return err
}

// undoRegister puts what served before in force again. mu is held.
func (s *Stream) undoRegister(reg *registration) {
	methods := s.calls.methods
	reg.method.failed = true
	if methods[reg.name] != reg.method {
		return // replaced meanwhile
	}
	before := reg.method.before
	for before != nil && before.failed {
		before = before.before
	}
	if before != nil {
		methods[reg.name] = before
		return
	}
	delete(methods, reg.name)
	if reg.mark == 0 || reg.answered || s.over != 0 || !s.Begin() {
		return
	}
	defer s.Finish()
	s.end.registerSlots.force()
	s.calls.unanswered++
	s.calls.lastID++
	h := packet.Header{Type: packet.TypeRegister, Stream: uint32(s.StreamID())}
	fields := packet.AppendRegister(nil, s.calls.lastID, packet.RegisterWithdraw, reg.name)
	_, _ = s.end.conn.Append(packet.Messages, h, fields, nil, nil, nil) // lost only with the connection
}

// handleRegisterAck takes the answer to a registration.
func (s *Stream) handleRegisterAck(payload []byte) error {
	ack, err := packet.ParseRegisterAck(payload)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if s.calls == nil {
		s.mu.Unlock()
		return nil
	}
	if reg := s.calls.registrations[ack.ID]; reg != nil && !reg.answered {
		reg.answered, reg.code, reg.text = true, ack.Code, string(ack.Text)
		reg.halt()
	}
	s.mu.Unlock()
	s.answeredOne()
	return nil
}
