package application

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

// panicText is how much of a panic's text the caller gets.
const panicText = 256

// A served is one request of the peer. It is used again where nobody else can
// know of it any more; what its handler got is not part of it.
type served struct {
	exchange // of the answer
	*handled
	stream *Stream
	id     uint64

	rpc    geminio.RPC // nil: no such method
	hijack *hijack     // nil: none
	size   int         // of the content
	window int         // what of it counts against the window

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

// A handled is what a handler gets: it may keep it. It is one allocation,
// with its content if that is little.
type handled struct {
	ctx callContext
	req request
	rsp response
}

// newHandled returns a handled, and room for its content of n bytes or nil.
func newHandled(n int) (h *handled, room []byte) {
	if n == 0 || n > littleContent {
		return new(handled), nil
	}
	both := new(struct {
		handled
		room [littleContent]byte
	})
	return &both.handled, both.room[:]
}

// newServed returns a served of this End.
func (e *End) newServed() *served {
	sv, _ := e.idleServed.Get().(*served)
	if sv == nil {
		sv = new(served)
	}
	return sv
}

// reuse takes sv back, which is answered, and which its goroutine itself took
// out of the table: nobody else has found it there. A timer of it may still be
// about to fire, its body to be told of.
func (e *End) reuse(sv *served) {
	if sv.timer == nil && sv.body == nil {
		*sv = served{}
		e.idleServed.Put(sv)
	}
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
func (s *Stream) handleRequest(header packet.Header, payload []byte) error {
	r, err := packet.ParseRequest(header, payload)
	if err != nil {
		return err
	}
	e := s.end
	method, err := e.dictionary.name(&r)
	if err != nil {
		return err
	}
	sv := e.newServed()
	sv.stream, sv.id, sv.size = s, r.ID, int(r.CustomLen)+int(r.DataLen)
	if sv.size > e.cfg.Limits.MaxBody {
		return errContentTooLarge
	}
	sv.window = sv.size
	if header.Flags&packet.FlagMORE != 0 {
		var memory *bodyMemory
		if sv.size > e.cfg.Limits.RequestWindow {
			memory, sv.window = &e.callMemory, 0
		}
		sv.body = newIncoming(s, packet.BodyHead{Kind: packet.BodyRequest, ID: r.ID}, r.CustomLen, r.DataLen, memory)
		if err := e.queue.receive(sv); err != nil {
			return err
		}
	}

	h, room := newHandled(len(r.Custom) + len(r.Data))
	h.req.id, h.req.clientID, h.req.streamID = r.RequestID, s.ClientID(), s.StreamID()
	h.req.method.Store(method)
	h.rsp.id, h.rsp.clientID, h.rsp.streamID, h.rsp.method = r.RequestID, s.ClientID(), s.StreamID(), method
	if r.TimeoutMS != 0 {
		h.req.timeout = time.Duration(r.TimeoutMS) * time.Millisecond
		h.ctx.setDeadline(time.Now().Add(h.req.timeout))
	}
	if sv.body == nil {
		h.req.custom, h.req.data = join(r.Custom, r.Data, room)
	}
	sv.handled = h
	return s.enroll(sv)
}

// enroll makes a request known, and has it served if it came whole.
func (s *Stream) enroll(sv *served) error {
	e, announced := s.end, sv.body != nil
	s.mu.Lock()
	if s.over != 0 {
		s.mu.Unlock()
		if announced {
			e.queue.drop(sv)
			return nil
		}
		return e.queue.discard(sv.window)
	}
	rpc := s.rpc()
	if rpc.serving.get(sv.id) != nil {
		s.mu.Unlock()
		return errDuplicateID
	}
	rpc.serving.put(sv.id, sv)
	if !announced {
		rpc.choose(sv)
	} else if sv.body.memory != nil {
		sv.body.memory.ask(&sv.body.announced)
	}
	s.mu.Unlock()
	if announced {
		return nil
	}
	return e.queue.accept(sv)
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
	return s.calls.serving.get(id)
}

// choose notes who is to serve sv. The stream's mu is held.
func (r *calls) choose(sv *served) {
	sv.hijack = r.hijack
	if m := r.methods[*sv.rsp.method]; m != nil {
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
	s.calls.serving.remove(id)
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
		e := sv.stream.end
		own := sv.answer()
		sv.ctx.cancel()
		e.queue.leave(sv)
		if own {
			e.reuse(sv)
		}
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
	method := sv.req.Method()
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
		sv.req.Method(), sv.stream.ClientID(), sv.stream.StreamID(), v, debug.Stack())
}

// answer sends the answer, unless nobody wants it any more, and takes sv out of
// the table. It returns whether sv was still there.
func (sv *served) answer() (own bool) {
	s := sv.stream
	s.mu.Lock()
	if own = sv.take(); !own {
		s.mu.Unlock()
		return false
	}
	s.mu.Unlock()
	size := len(sv.rsp.custom) + len(sv.rsp.data)
	w := s.end.mux.Waiter()
	if size <= packet.FreeResponse && packet.ResponseFieldsLen+len(sv.text)+size <= packet.MaxPayload && sv.answerNow(w) {
		w.Put()
		return true
	}
	return sv.answerLater(w, size)
}

// take takes sv out of the table and tells whether it was there. The stream's
// mu is held.
func (sv *served) take() bool {
	s := sv.stream
	if s.served(sv.id) != sv {
		return false
	}
	s.calls.serving.remove(sv.id)
	return true
}

// answerNow sends an answer that fits a frame and takes no credit, if there is
// room for it. It returns false where that must be waited for.
func (sv *served) answerNow(w *wait.Waiter) bool {
	s := sv.stream
	if !s.Begin() {
		return true // nobody waits for it
	}
	defer s.Finish()
	h := packet.Header{Type: packet.TypeResponse, Stream: uint32(s.StreamID())}
	_, err := s.end.conn.Append(packet.Messages, h, sv.appendFields(sv.head[:0], 0), sv.rsp.custom, sv.rsp.data, w)
	if err == wait.ErrMustWait {
		s.end.conn.Withdraw(w)
		return false
	}
	return true // any other error: nobody waits for it
}

// answerLater sends an answer that waits for room, credit or a grant. It
// returns whether sv is still in the table, where whoever ends that wait finds
// it, when it has been sent.
func (sv *served) answerLater(w *wait.Waiter, size int) (own bool) {
	s, e := sv.stream, sv.stream.end
	defer w.Put()
	s.mu.Lock()
	if s.over != 0 || s.served(sv.id) != nil {
		s.mu.Unlock()
		return false
	}
	s.calls.serving.put(sv.id, sv)
	sv.w = w
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
	if size > packet.FreeResponse {
		l.credit, l.cost, l.first = &e.responses, size, e.firstResponse
	}
	patience := forever
	_ = s.post(&sv.exchange, &l, &patience) // it fails only where nobody waits for it

	s.mu.Lock()
	defer s.mu.Unlock()
	sv.w = nil
	return sv.take()
}
