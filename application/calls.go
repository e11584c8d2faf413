package application

import (
	"github.com/singchia/geminio"
	"github.com/singchia/geminio/pkg/wait"
)

// calls is what a stream knows of calls and methods, both ways. The stream's
// mu guards it.
type calls struct {
	lastID   uint64
	outgoing idTable[call]
	serving  idTable[served]

	methods map[string]*method
	hijack  *hijack

	registrations map[uint64]*registration
	unanswered    int                 // REGISTERs of ours that are not answered
	remote        map[string]struct{} // what the peer has registered
	watcher       *wait.Waiter        // woken when that grows

	remoteUnanswered int // REGISTERs of the peer that are not answered
}

// rpc returns the stream's calls. mu is held.
func (s *Stream) rpc() *calls {
	if s.calls == nil {
		s.calls = new(calls)
	}
	return s.calls
}

// leftovers is what is to be done, without mu, for a stream that is over.
type leftovers struct {
	served       []*served
	calls        []*call
	publications []*publication
	unanswered   int // registrations of ours
	names        int // that the peer had registered
	asked        int // registrations of the peer
}

// dropCalls halts everything and returns what needs more. mu is held.
func (s *Stream) dropCalls() (left leftovers) {
	r := s.calls
	if r == nil {
		return left
	}
	for c := range r.outgoing.all {
		c.halt()
		if c.handedOn {
			left.calls = append(left.calls, c)
		}
		if c.body != nil {
			s.end.releaseResponse(c.body)
			c.body = nil
		}
	}
	for sv := range r.serving.all {
		sv.halt()
		left.served = append(left.served, sv)
	}
	for _, reg := range r.registrations {
		reg.halt()
	}
	left.unanswered, left.names, left.asked = r.unanswered, len(r.remote), r.remoteUnanswered
	r.outgoing.clear()
	r.serving.clear()
	clear(r.registrations)
	r.unanswered, r.remote = 0, nil
	if r.watcher != nil {
		r.watcher.Wake()
	}
	return left
}

// settle does what dropCalls and dropPublications left.
func (s *Stream) settle(left leftovers) {
	e := s.end
	for _, c := range left.calls {
		s.finishCall(c, nil, s.ended(&c.exchange))
	}
	for _, p := range left.publications {
		s.finishPublish(p, s.ended(&p.exchange))
	}
	for _, sv := range left.served {
		sv.abandon()
	}
	e.registerSlots.allow(left.unanswered)
	e.registrar.forget(s, left.names, left.asked)
}

var _ geminio.RPCer = (*Stream)(nil)
