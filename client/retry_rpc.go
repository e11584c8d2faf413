package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/options"
)

// deadlineOf is when a timeout is over that begins now, zero where there is
// none.
func deadlineOf(timeout time.Duration) (until time.Time) {
	if timeout != 0 {
		until = time.Now().Add(timeout)
	}
	return until
}

// left is what remains of a timeout: 0 where there is none, less where it is
// over.
func left(until time.Time) time.Duration {
	if until.IsZero() {
		return 0
	}
	if d := time.Until(until); d > 0 {
		return d
	}
	return -1
}

// unsent tells whether err says that the session was over before anything of
// the operation had left: it may go on with the next one.
func unsent(err error) bool {
	ended, maybe := judge(err)
	return ended && !maybe
}

// judge tells whether err came with the end of the session, and whether the
// server may have got something of the operation.
func judge(err error) (ended, maybe bool) {
	if err == io.EOF {
		return true, false
	}
	failed, ok := err.(*geminio.CallError) // as the End returns it
	if !ok {
		return false, false
	}
	var closed *geminio.StreamError
	ended = errors.Is(failed.Err, geminio.ErrSessionLost) || errors.As(failed.Err, &closed) && closed.Remote
	return ended, failed.MaybeExecuted
}

// NewRequest returns a request with data, which is not copied.
func (r *RetryEnd) NewRequest(data []byte, opts ...*options.NewRequestOptions) geminio.Request {
	return r.current.Load().end.NewRequest(data, opts...)
}

// Call calls method of the server and waits for the answer. It waits for the
// next session, within the same context and timeout, while there is none, and
// where one is lost before anything of the request has left.
func (r *RetryEnd) Call(ctx context.Context, method string, req geminio.Request, opts ...*options.CallOptions) (geminio.Response, error) {
	until := deadlineOf(application.CallTimeout(req, opts))
	s := r.current.Load()
	rsp, err := s.end.Call(ctx, method, req, opts...)
	for err != nil && unsent(err) {
		if s, err = r.await(ctx, until, s); err != nil {
			return nil, err
		}
		again := options.Call()
		again.SetTimeout(left(until))
		rsp, err = s.end.Call(ctx, method, req, again)
	}
	return rsp, err
}

// An asyncCall is one of CallAsync.
type asyncCall struct {
	r     *RetryEnd
	ctx   context.Context
	until time.Time
	req   geminio.Request // to be sent again, with its content as it was
	call  *geminio.Call
}

// CallAsync is Call that does not wait for the answer. It waits for room to
// send, and for a session while there is none.
func (r *RetryEnd) CallAsync(ctx context.Context, method string, req geminio.Request, ch chan *geminio.Call, opts ...*options.CallOptions) (*geminio.Call, error) {
	if ch == nil {
		ch = make(chan *geminio.Call, 1)
	}
	timeout := application.CallTimeout(req, opts)
	c := &asyncCall{
		r: r, ctx: ctx, until: deadlineOf(timeout), req: copyOf(req),
		call: &geminio.Call{Method: method, Request: req, Done: ch},
	}
	s := r.current.Load()
	err := c.startOn(s, req, timeout)
	if err != nil && unsent(err) {
		err = c.startAfter(s)
	}
	if err != nil {
		return nil, err
	}
	return c.call, nil
}

func (c *asyncCall) startOn(s *session, req geminio.Request, timeout time.Duration) error {
	return s.end.StartCall(c.ctx, c.call.Method, req, timeout, func(rsp geminio.Response, err error) {
		if err != nil && unsent(err) {
			go c.goOn(s)
			return
		}
		c.deliver(rsp, err)
	})
}

// startAfter starts the call on a session that follows s.
func (c *asyncCall) startAfter(s *session) error {
	err := io.EOF
	for unsent(err) {
		if s, err = c.r.await(c.ctx, c.until, s); err != nil {
			return err
		}
		err = c.startOn(s, c.req, left(c.until))
	}
	return err
}

// goOn is a goroutine for a call that was started and of which nothing has left
// before the end of s. It waits for the next session, and ends when the call is
// started there or has failed.
func (c *asyncCall) goOn(s *session) {
	if err := c.startAfter(s); err != nil {
		c.deliver(nil, err)
	}
}

func (c *asyncCall) deliver(rsp geminio.Response, err error) {
	c.call.Response, c.call.Error = rsp, err
	c.r.calls.Deliver(c.call.Done, c.call)
}

// A requestCopy is a request with what can be changed as it was when it was
// copied.
type requestCopy struct {
	geminio.Request
	clientID, streamID uint64
	data, custom       []byte
}

func copyOf(req geminio.Request) *requestCopy {
	return &requestCopy{
		Request: req, clientID: req.ClientID(), streamID: req.StreamID(),
		data: bytes.Clone(req.Data()), custom: bytes.Clone(req.Custom()),
	}
}

func (c *requestCopy) ClientID() uint64 { return c.clientID }
func (c *requestCopy) StreamID() uint64 { return c.streamID }
func (c *requestCopy) Data() []byte     { return c.data }
func (c *requestCopy) Custom() []byte   { return c.custom }

// Register serves method with rpc, in this session and all that follow, and
// returns when the server knows. It waits for the next session while there is
// none. On an error what was registered before stays.
func (r *RetryEnd) Register(ctx context.Context, method string, rpc geminio.RPC) error {
	release, err := r.takeTurn(ctx, method)
	if err != nil {
		return err
	}
	defer release()
	for s := r.current.Load(); ; {
		err := s.end.Register(ctx, method, rpc)
		switch {
		case err == nil && r.registered(s, &geminio.MethodRPC{Method: method, RPC: rpc}):
			return nil
		case err != nil && err != io.EOF:
			return err
		}
		if s, err = r.await(ctx, time.Time{}, s); err != nil {
			return err
		}
	}
}

// registered remembers m for the sessions after s, unless one has begun
// already, without it.
func (r *RetryEnd) registered(s *session, m *geminio.MethodRPC) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.newest != s {
		return false
	}
	r.remember(m)
	return true
}

// remember has m registered in every new session. mu is held.
func (r *RetryEnd) remember(m *geminio.MethodRPC) {
	i := slices.IndexFunc(r.methods, func(other *geminio.MethodRPC) bool { return other.Method == m.Method })
	if i < 0 {
		r.methods = append(r.methods, m)
		return
	}
	r.methods[i] = m
}

// takeTurn waits until nobody else registers method: of two handlers the one
// that is in force now must be in force in the next session.
func (r *RetryEnd) takeTurn(ctx context.Context, method string) (release func(), err error) {
	for {
		r.mu.Lock()
		busy := r.registering[method]
		if busy == nil {
			free := make(chan struct{})
			if r.registering == nil {
				r.registering = make(map[string]chan struct{})
			}
			r.registering[method] = free
			r.mu.Unlock()
			return func() {
				r.mu.Lock()
				delete(r.registering, method)
				r.mu.Unlock()
				close(free)
			}, nil
		}
		r.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.ctx.Done():
			return nil, io.EOF
		}
	}
}

// Hijack serves requests of the server with rpc, in this session and all that
// follow. A later Hijack replaces an earlier one. It returns the error of a
// pattern that is no regular expression, and does not block.
func (r *RetryEnd) Hijack(rpc geminio.HijackRPC, opts ...*options.HijackOptions) error {
	h := &hijack{rpc, options.MergeHijackOptions(opts...)}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range []*session{r.newest, r.current.Load()} {
		if err := s.end.Hijack(h.rpc, h.opts); err != nil {
			return err
		}
	}
	r.hijack = h
	return nil
}
