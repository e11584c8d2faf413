package application

import (
	"context"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
)

// An async is what ends a call or publication that no goroutine waits for.
type async struct {
	patience patience // without its timer

	// The stream's mu guards
	finished bool
	stop     func() bool // nil where the context cannot end
	timer    *time.Timer // nil without a timeout
}

// handOn lets x, which is sent, go on without its goroutine; expire is called
// when patience has come to its end. It returns false if x has an outcome.
func (s *Stream) handOn(x *exchange, a *async, expire func(error)) bool {
	s.mu.Lock()
	if x.halted {
		s.mu.Unlock()
		return false
	}
	x.handedOn = true
	w := x.w
	x.w = nil
	s.mu.Unlock()
	w.Put()

	ctx, until := a.patience.ctx, a.patience.until
	var stop func() bool
	var timer *time.Timer
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, func() { expire(ctx.Err()) })
	}
	if !until.IsZero() {
		timer = time.AfterFunc(time.Until(until), func() { expire(geminio.ErrTimeout) })
	}
	s.mu.Lock()
	if !a.finished {
		a.stop, a.timer = stop, timer
		stop, timer = nil, nil
	}
	s.mu.Unlock()
	disarm(stop, timer)
	return true
}

// finish stops what would end the patience.
func (a *async) finish(s *Stream) {
	s.mu.Lock()
	a.finished = true
	stop, timer := a.stop, a.timer
	s.mu.Unlock()
	disarm(stop, timer)
}

func disarm(stop func() bool, timer *time.Timer) {
	if stop != nil {
		stop()
	}
	if timer != nil {
		timer.Stop()
	}
}

// An asyncCall is what CallAsync returned.
type asyncCall struct {
	async
	stream *Stream
	call   *geminio.Call
}

// finish delivers the outcome. It never blocks.
func (a *asyncCall) finish(rsp geminio.Response, err error) {
	a.async.finish(a.stream)
	a.call.Response, a.call.Error = rsp, err
	a.stream.end.callOutlets.deliver(a.call.Done, a.call)
}

// CallAsync calls method of the peer. It waits for room to send, and delivers
// the outcome to ch, or to the Done of the returned Call if ch is nil.
func (s *Stream) CallAsync(ctx context.Context, method string, req geminio.Request, ch chan *geminio.Call, opts ...*options.CallOptions) (*geminio.Call, error) {
	timeout, err := s.checkCall(ctx, method, req, opts)
	if err != nil {
		return nil, err
	}
	if ch == nil {
		ch = make(chan *geminio.Call, 1)
	}
	c := new(call)
	c.async = &asyncCall{stream: s, call: &geminio.Call{Method: method, Request: req, Done: ch}}
	if err := s.beginCall(c, method, req); err != nil {
		return nil, err
	}
	p := s.end.patience(ctx, timeout)
	defer p.stop()
	c.async.patience = patience{ctx: p.ctx, until: p.until}
	err = s.sendCall(c, method, req, &p)
	if err == nil {
		if s.handOn(&c.exchange, &c.async.async, func(err error) { s.expireCall(c, err) }) {
			return c.async.call, nil
		}
		err = errHalted
	}
	s.lockUnsent(c, err)
	rsp, err := s.endCall(c, &p, err)
	if c.mark == 0 && err != nil {
		return nil, err
	}
	c.async.finish(rsp, err)
	return c.async.call, nil
}

// expireCall ends a call that was handed on and whose caller's patience is over.
func (s *Stream) expireCall(c *call, err error) {
	s.mu.Lock()
	open := s.takeCall(c)
	body := c.body
	c.body = nil
	s.mu.Unlock()
	if open {
		s.withdrawCall(c, body)
		c.async.finish(nil, err)
	}
}

// An asyncPublish is what PublishAsync returned.
type asyncPublish struct {
	async
	stream  *Stream
	publish *geminio.Publish
}

// finish delivers the outcome. It never blocks.
func (a *asyncPublish) finish(err error) {
	a.async.finish(a.stream)
	a.publish.Error = err
	a.stream.end.publishOutlets.deliver(a.publish.Done, a.publish)
}

// PublishAsync sends msg. It waits for room to send, and delivers the outcome
// to ch, or to the Done of the returned Publish if ch is nil.
func (s *Stream) PublishAsync(ctx context.Context, msg geminio.Message, ch chan *geminio.Publish, opts ...*options.PublishOptions) (*geminio.Publish, error) {
	timeout, err := s.checkPublish(ctx, msg, opts)
	if err != nil {
		return nil, err
	}
	if ch == nil {
		ch = make(chan *geminio.Publish, 1)
	}
	p := s.end.patience(ctx, timeout)
	defer p.stop()
	pub := new(publication)
	pub.async = &asyncPublish{stream: s, publish: &geminio.Publish{Message: msg, Done: ch}}
	pub.async.patience = patience{ctx: p.ctx, until: p.until}
	err = s.sendMessage(pub, msg, &p)
	switch {
	case pub.w == nil:
		return nil, err // it never began
	case err == nil && msg.Cnss() != options.CnssAtMostOnce:
		if s.handOn(&pub.exchange, &pub.async.async, func(err error) { s.expirePublish(pub, err) }) {
			return pub.async.publish, nil
		}
		err = errHalted
	}
	err = s.endPublish(pub, &p, err)
	if pub.mark == 0 && err != nil {
		return nil, err
	}
	pub.async.finish(err)
	return pub.async.publish, nil
}

// expirePublish ends a publication that was handed on and whose publisher's
// patience is over.
func (s *Stream) expirePublish(pub *publication, err error) {
	s.mu.Lock()
	open := s.takePublication(pub)
	s.mu.Unlock()
	if open {
		s.withdrawMessage(pub)
		pub.async.finish(err)
	}
}
