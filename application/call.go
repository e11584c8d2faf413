package application

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

// A call is one call of this side. Once it is out of the stream's table it
// belongs to whoever took it out. It is used again where nobody else can know of
// it: what callers get is not part of it.
type call struct {
	exchange
	fields packet.RequestFields
	method *definition

	// The stream's mu guards
	answered bool
	code     packet.Code
	text     string
	body     *incoming // of an announced answer

	rsp   *response // nil while there is no answer
	async asyncCall // of StartCall
}

func (c *call) appendFields(dst []byte, remainingMS uint32) []byte {
	c.fields.TimeoutMS = remainingMS
	return packet.AppendRequest(dst, c.fields, c.method.name())
}

// Call calls method of the peer and waits for the answer.
func (s *Stream) Call(ctx context.Context, method string, req geminio.Request, opts ...*options.CallOptions) (geminio.Response, error) {
	timeout := CallTimeout(req, opts)
	if err := s.check(ctx, timeout, method, req); err != nil {
		return nil, err
	}
	c := s.end.newCall()
	if err := s.beginCall(c, method, req); err != nil {
		return nil, err
	}
	p := s.end.patience(ctx, timeout)
	defer p.stop()
	err := s.sendCall(c, method, req, &p)
	if err == nil {
		err = s.awaitAnswer(c, &p)
	} else {
		s.lockUnsent(c, err)
	}
	rsp, err := s.endCall(c, &p, err)
	s.end.reuseCall(c)
	return rsp, err
}

// newCall returns a call of this End.
func (e *End) newCall() *call {
	c, _ := e.idleCalls.Get().(*call)
	if c == nil {
		c = new(call)
	}
	return c
}

// reuseCall takes c back, which is in no table any more.
func (e *End) reuseCall(c *call) {
	*c = call{}
	e.idleCalls.Put(c)
}

// CallTimeout returns the timeout of a call: that of opts goes before req's.
func CallTimeout(req geminio.Request, opts []*options.CallOptions) time.Duration {
	if len(opts) > 0 {
		if t := options.MergeCallOptions(opts...).Timeout; t != nil {
			return *t
		}
	}
	return req.Timeout()
}

// A parcel is what a request and a message have in common.
type parcel interface {
	ClientID() uint64
	StreamID() uint64
	Data() []byte
	Custom() []byte
}

// check does what needs no peer for what is to be sent under the name of a
// method or a topic.
func (s *Stream) check(ctx context.Context, timeout time.Duration, name string, p parcel) error {
	return s.orEOF(s.end.judge(ctx, timeout, name, p, s.StreamID()))
}

func (e *End) judge(ctx context.Context, timeout time.Duration, name string, p parcel, streamID uint64) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case p.ClientID() != e.cfg.ClientID && !slices.Contains(e.cfg.FormerIDs, p.ClientID()):
		return ErrMismatchClientID
	case p.StreamID() != streamID:
		return ErrMismatchStreamID
	case len(name) > packet.MaxName || len(p.Custom())+len(p.Data()) > e.maxBody:
		return packet.ErrPacketTooLarge
	case timeout < 0:
		return geminio.ErrTimeout
	}
	return nil
}

// orEOF returns err, but io.EOF where it is an error and the stream is over.
func (s *Stream) orEOF(err error) error {
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != 0 {
		return io.EOF
	}
	return err
}

// beginCall makes c known before anything of it is sent.
func (s *Stream) beginCall(c *call, method string, req geminio.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != 0 {
		return io.EOF
	}
	r := s.rpc()
	if s.end.cfg.RemoteMethodCheck {
		if _, ok := r.remote[method]; !ok {
			return ErrRemoteRPCUnregistered
		}
	}
	r.lastID++
	c.fields = packet.RequestFields{ID: r.lastID, RequestID: req.ID()}
	c.w = s.end.mux.Waiter()
	r.outgoing.put(c.fields.ID, c)
	return nil
}

// sendCall queues the request with all of its content.
func (s *Stream) sendCall(c *call, method string, req geminio.Request, p *patience) (err error) {
	if c.method, err = s.end.definition(s, &c.exchange, method, p); err != nil {
		return err
	}
	c.fields.Method = c.method.index
	if own, ok := req.(*request); ok {
		own.method.Store(&c.method.method)
	}
	l := letter{
		author: c,
		typ:    packet.TypeRequest,
		head:   packet.BodyHead{Kind: packet.BodyRequest, ID: c.fields.ID},
		fixed:  packet.RequestFieldsLen + len(c.method.name()),
		custom: req.Custom(),
		data:   req.Data(),
		credit: &s.end.requests,
		first:  s.end.firstRequest,
	}
	l.cost = len(l.custom) + len(l.data)
	c.fields.CustomLen, c.fields.DataLen = uint32(len(l.custom)), uint32(len(l.data))
	return s.post(&c.exchange, &l, p)
}

// awaitAnswer waits until c is halted, for which it returns errHalted, or
// patience has come to its end. It returns with mu held.
func (s *Stream) awaitAnswer(c *call, p *patience) error {
	for {
		err := p.wait(c.w)
		s.mu.Lock()
		switch {
		case err != nil:
			return err
		case c.halted:
			return errHalted
		}
		s.mu.Unlock()
	}
}

// lockUnsent locks mu once c, which could not be sent for err, is known to be
// halted if that is why.
func (s *Stream) lockUnsent(c *call, err error) {
	if err == errHalted {
		s.awaitHalt(&c.exchange)
	}
	s.mu.Lock()
}

// endCall takes c back from the table and returns what Call returns. err says
// why the caller waits no longer: errHalted, or the end of its patience. mu is
// held, and unlocked.
func (s *Stream) endCall(c *call, p *patience, err error) (geminio.Response, error) {
	open := s.takeCall(c)
	w, body := c.w, c.body
	c.w, c.body = nil, nil
	s.mu.Unlock()
	w.Put()

	if c.answered && err == errHalted && c.code != packet.CodeOK && p.ctx.Err() != nil {
		err = p.ctx.Err()
	}
	switch {
	case c.answered && (c.code == packet.CodeOK || err == errHalted):
		return c.outcome()
	case err == errHalted:
		return nil, s.ended(&c.exchange)
	}
	if open {
		s.withdrawCall(c, body)
	}
	return nil, err
}

// takeCall takes c out of the table and tells whether it was there. mu is held.
func (s *Stream) takeCall(c *call) bool {
	if c.answered || s.calls.outgoing.get(c.fields.ID) != c {
		return false
	}
	s.calls.outgoing.remove(c.fields.ID)
	return true
}

// withdrawCall tells the peer that nobody wants the answer any more.
func (s *Stream) withdrawCall(c *call, body *incoming) {
	if body != nil {
		s.end.releaseResponse(body)
	}
	if c.mark != 0 {
		s.sendCancel(c.class, packet.BodyHead{Kind: packet.BodyRequest, ID: c.fields.ID})
	}
}

// outcome returns what the answer says.
func (c *call) outcome() (geminio.Response, error) {
	switch c.code {
	case packet.CodeOK:
		if c.method != nil { // it was answered before it was asked
			c.rsp.method = &c.method.method
		}
		return c.rsp, nil
	case packet.CodeBusy:
		return nil, &geminio.CallError{Err: geminio.ErrBusy}
	default:
		return nil, &geminio.RemoteError{Code: uint16(c.code), Text: c.text}
	}
}
