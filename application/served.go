package application

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
)

// panicText is how much of a panic's text the caller gets.
const panicText = 256

// A served is one request of the peer, with everything that belongs to it, in
// one allocation.
type served struct {
	exchange // of the answer
	stream   *Stream
	id       uint64

	ctx callContext
	req request
	rsp response

	rpc    geminio.RPC // nil: no such method
	hijack *hijack     // nil: none
	size   int         // of the content

	// The stream's mu guards
	body     *incoming // nil: the content came in the frame
	complete bool      // all of body is there

	// serveQueue.mu guards
	stage      stage
	timer      *time.Timer
	prev, next *served

	// what the answer says; the handler's goroutine
	code packet.Code
	text string
}

func (sv *served) appendFields(dst []byte, _ uint32) []byte {
	return packet.AppendResponse(dst, packet.ResponseFields{
		ID:        sv.id,
		Code:      sv.code,
		CustomLen: uint32(len(sv.rsp.custom)),
		DataLen:   uint32(len(sv.rsp.data)),
	}, sv.text)
}

// handleRequest takes a request, or the announcement of one.
func (s *Stream) handleRequest(h packet.Header, payload []byte) error {
	r, err := packet.ParseRequest(h, payload)
	if err != nil {
		return err
	}
	e := s.end
	method, err := e.dictionary.name(&r)
	if err != nil {
		return err
	}
	sv := &served{stream: s, id: r.ID, size: int(r.CustomLen) + int(r.DataLen)}
	if sv.size > e.cfg.Limits.MaxBody {
		return errContentTooLarge
	}
	announced := h.Flags&packet.FlagMORE != 0
	window := sv.size
	if announced {
		var memory *bodyMemory
		if sv.size > e.cfg.Limits.RequestWindow {
			memory, window = &e.callMemory, 0
		}
		sv.body = newIncoming(s, packet.BodyHead{Kind: packet.BodyRequest, ID: r.ID}, r.CustomLen, r.DataLen, memory)
	}
	if err := e.queue.receive(window); err != nil {
		return err
	}

	sv.req = request{id: r.RequestID, clientID: s.ClientID(), streamID: s.StreamID(), method: method}
	sv.rsp = response{id: r.RequestID, clientID: s.ClientID(), streamID: s.StreamID(), method: method}
	if r.TimeoutMS != 0 {
		sv.req.timeout = time.Duration(r.TimeoutMS) * time.Millisecond
		sv.ctx.deadline = time.Now().Add(sv.req.timeout)
	}
	if !announced {
		sv.req.custom, sv.req.data = join(r.Custom, r.Data)
	}
	s.mu.Lock()
	if s.over != 0 {
		s.mu.Unlock()
		e.queue.drop(sv)
		return nil
	}
	rpc := s.rpc()
	if rpc.serving[sv.id] != nil {
		s.mu.Unlock()
		return errDuplicateID
	}
	rpc.serving[sv.id] = sv
	if !announced {
		rpc.choose(sv)
	} else if sv.body.memory != nil {
		sv.body.memory.ask(&sv.body.announced)
	}
	s.mu.Unlock()
	if !announced {
		e.queue.admit(sv)
	}
	return nil
}

// handleRequestBody takes a part of an announced request.
func (s *Stream) handleRequestBody(id uint64, part []byte, last bool) error {
	s.mu.Lock()
	sv := s.served(id)
	if sv == nil {
		s.mu.Unlock()
		return nil // it was withdrawn
	}
	if sv.body == nil || sv.complete {
		s.mu.Unlock()
		return errBodyLength
	}
	if err := sv.body.add(part, last); err != nil || !last {
		s.mu.Unlock()
		return err
	}
	sv.complete = true
	sv.req.custom, sv.req.data = sv.body.content()
	s.calls.choose(sv)
	s.mu.Unlock()
	s.end.queue.admit(sv)
	return nil
}

// served returns the request of the peer that is in progress. mu is held.
func (s *Stream) served(id uint64) *served {
	if s.calls == nil {
		return nil
	}
	return s.calls.serving[id]
}

// choose notes who is to serve sv. The stream's mu is held.
func (r *calls) choose(sv *served) {
	sv.hijack = r.hijack
	if m := r.methods[sv.req.method]; m != nil {
		sv.rpc = m.rpc
	}
}

// handleRequestCancel withdraws a request: its handler's context ends, and its
// answer is dropped.
func (s *Stream) handleRequestCancel(id uint64) {
	s.mu.Lock()
	sv := s.served(id)
	if sv == nil {
		s.mu.Unlock()
		return
	}
	delete(s.calls.serving, id)
	sv.halt()
	s.mu.Unlock()
	sv.abandon()
}

// abandon is for a request out of the table that needs no answer any more.
func (sv *served) abandon() {
	sv.ctx.cancel()
	sv.stream.end.queue.drop(sv)
}

// Run is what the goroutine of a request runs. It may block in the handler and while the
// answer waits for its turn; the end of the stream ends its waiting.
func (sv *served) Run() {
	returned := false
	defer func() {
		if !returned {
			sv.died(recover())
		}
		sv.answer()
		sv.ctx.cancel()
		sv.stream.end.queue.leave(sv)
	}()
	sv.invoke()
	returned = true
}

// busy answers a request that was not started in time. It runs on the
// goroutine of its timer.
func (sv *served) busy() {
	queue := &sv.stream.end.queue
	if !queue.refuse(sv) {
		return
	}
	sv.fail(packet.CodeBusy, geminio.ErrBusy.Error())
	sv.answer()
	sv.ctx.cancel()
	queue.leave(sv)
}

// invoke calls the handler and takes what it says.
func (sv *served) invoke() {
	method := sv.req.method
	switch {
	case sv.hijack != nil && sv.hijack.takes(method):
		sv.hijack.rpc(&sv.ctx, method, &sv.req, &sv.rsp)
	case sv.rpc != nil:
		sv.rpc(&sv.ctx, &sv.req, &sv.rsp)
	default:
		sv.fail(packet.CodeNoSuchMethod, "no such rpc: "+method)
		return
	}
	if err := sv.rsp.err; err != nil {
		sv.fail(packet.CodeError, err.Error())
	} else if len(sv.rsp.custom)+len(sv.rsp.data) > sv.stream.end.maxBody {
		sv.fail(packet.CodeTooLarge, packet.ErrPacketTooLarge.Error())
	}
}

// fail makes the answer an error, which carries no content.
func (sv *served) fail(code packet.Code, text string) {
	sv.code, sv.text = code, packet.Cut(text, packet.MaxErrorText)
	sv.rsp.custom, sv.rsp.data = nil, nil
}

// died is for a handler that did not return: it panicked with v, or ended its
// goroutine, and then v is nil.
func (sv *served) died(v any) {
	if v == nil {
		v = "runtime.Goexit called"
	}
	sv.fail(packet.CodePanic, packet.Cut(fmt.Sprintf("rpc handler panic: %v", v), panicText))
	sv.stream.end.log.Errorf("rpc handler of %q panicked, client %d, stream %d: %v\n%s",
		sv.req.method, sv.stream.ClientID(), sv.stream.StreamID(), v, debug.Stack())
}

// answer sends the answer, unless nobody wants it any more.
func (sv *served) answer() {
	s, e := sv.stream, sv.stream.end
	s.mu.Lock()
	if sv.halted {
		s.mu.Unlock()
		return
	}
	sv.w = e.mux.Waiter()
	s.mu.Unlock()

	l := letter{
		author:  sv,
		typ:     packet.TypeResponse,
		head:    packet.BodyHead{Kind: packet.BodyResponse, ID: sv.id},
		fixed:   packet.ResponseFieldsLen + len(sv.text),
		custom:  sv.rsp.custom,
		data:    sv.rsp.data,
		through: true,
	}
	if size := len(l.custom) + len(l.data); size > packet.FreeResponse {
		l.credit, l.cost, l.first = &e.responses, size, e.firstResponse
	}
	patience := forever
	_ = s.post(&sv.exchange, &l, &patience) // it fails only where nobody waits for it

	s.mu.Lock()
	if s.served(sv.id) == sv {
		delete(s.calls.serving, sv.id)
	}
	w := sv.w
	sv.w = nil
	s.mu.Unlock()
	w.Put()
}
