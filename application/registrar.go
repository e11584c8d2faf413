package application

import (
	"slices"
	"sync"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
)

// maxUnanswered is how many registrations of a peer may be unanswered, and how
// many are told to the delegate at once.
const maxUnanswered = 256

// A registrar answers the registrations of the peer on one connection, each
// when the delegate was told.
type registrar struct {
	// immutable
	end  *End
	most int // names on all streams together

	mu sync.Mutex
	// mu guards
	names      int
	unanswered int // on streams that are not over
	running    int // goroutines
	waiting    []*remoteRegistration
}

// A remoteRegistration is one that the delegate is being told of.
type remoteRegistration struct {
	stream *Stream
	name   string
	id     uint64
}

// handleRegister takes a registration of the peer.
func (s *Stream) handleRegister(payload []byte) error {
	reg, err := packet.ParseRegister(payload)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != 0 {
		return nil
	}
	registrar := &s.end.registrar
	if !registrar.ask() {
		return errUnanswered
	}
	r := s.rpc()
	r.remoteUnanswered++
	name := string(reg.Name)
	_, known := r.remote[name]
	code := packet.CodeOK
	switch {
	case reg.Op == packet.RegisterWithdraw:
		if known {
			delete(r.remote, name)
			registrar.release(1)
		}
	case known:
	case !registrar.reserve():
		code = packet.CodeRefused
	default:
		if r.remote == nil {
			r.remote = make(map[string]struct{})
		}
		r.remote[name] = struct{}{}
		if r.watcher != nil {
			r.watcher.Wake()
		}
	}
	if code != packet.CodeOK || reg.Op == packet.RegisterWithdraw || s.end.cfg.RemoteRegistration == nil {
		s.end.owed.add(debt{kind: owesRegisterAck, stream: s, id: reg.ID, code: code})
		return nil
	}
	registrar.start(&remoteRegistration{stream: s, name: name, id: reg.ID})
	return nil
}

// composeRegisterAck answers a registration.
func (s *Stream) composeRegisterAck(d *debt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != 0 {
		return
	}
	s.end.registrar.answered()
	s.calls.remoteUnanswered--
	if !s.Begin() {
		return
	}
	defer s.Finish()
	text := ""
	if d.code == packet.CodeRefused {
		text = geminio.ErrTooManyRegistrations.Error()
	}
	h := packet.Header{Type: packet.TypeRegisterAck, Stream: uint32(s.StreamID())}
	_, _ = s.end.conn.Append(packet.Messages, h, packet.AppendRegisterAck(nil, d.id, d.code, text), nil, nil, nil)
}

// ask counts a registration that must be answered. It returns false where the
// peer has too many.
func (r *registrar) ask() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unanswered == maxUnanswered {
		return false
	}
	r.unanswered++
	return true
}

// answered counts one that was.
func (r *registrar) answered() {
	r.mu.Lock()
	r.unanswered--
	r.mu.Unlock()
}

// reserve makes room for one name more, if the limit allows it.
func (r *registrar) reserve() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names >= r.most {
		return false
	}
	r.names++
	return true
}

func (r *registrar) release(names int) {
	r.mu.Lock()
	r.names -= names
	r.mu.Unlock()
}

// start has the delegate told of reg.
func (r *registrar) start(reg *remoteRegistration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running >= maxUnanswered {
		// Those that run are of streams that are over: they count no more.
		r.waiting = append(r.waiting, reg)
		return
	}
	r.running++
	go r.tell(reg)
}

// forget is for a stream that is over: it had names, and its registrations
// need no answer.
func (r *registrar) forget(s *Stream, names, unanswered int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names -= names
	r.unanswered -= unanswered
	r.waiting = slices.DeleteFunc(r.waiting, func(reg *remoteRegistration) bool { return reg.stream == s })
}

// tell tells the delegate of reg. It is the goroutine of that registration and
// blocks in the delegate.
func (r *registrar) tell(reg *remoteRegistration) {
	defer r.told(reg)
	r.end.protect("RemoteRegistration", func() {
		r.end.cfg.RemoteRegistration(reg.name, reg.stream.ClientID(), reg.stream.StreamID())
	})
}

// told answers reg. The oldest that waits takes its place.
func (r *registrar) told(reg *remoteRegistration) {
	r.end.owed.add(debt{kind: owesRegisterAck, stream: reg.stream, id: reg.id})
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		r.running--
		return
	}
	next := r.waiting[0]
	r.waiting = r.waiting[1:]
	go r.tell(next)
}
