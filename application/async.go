package application

import (
	"context"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
)

// An expirer is a call or publication that no goroutine waits for.
type expirer interface {
	// expire ends it with err: its caller's patience has come to its end.
	expire(err error)
}

// An async is what ends an expirer.
type async struct {
	patience patience // without its timer

	// The stream's mu guards
	finished bool
	stop     func() bool // nil where the context cannot end
	timer    *time.Timer // nil without a timeout
}

// handOn lets x, which is sent, go on without its goroutine. It returns false if
// x has an outcome.
func (s *Stream) handOn(x *exchange, a *async, who expirer) bool {
	s.mu.Lock()
	if x.halted {
		s.mu.Unlock()
		return false
	}
	ctx, until, endless := a.patience.ctx, a.patience.until, a.patience.endless()
	x.handedOn = true
	w := x.w
	x.w = nil
	s.mu.Unlock()
	w.Put()
	if endless {
		return true // x may be finished by now, and used again
	}

	var stop func() bool
	var timer *time.Timer
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, func() { who.expire(ctx.Err()) })
	}
	if !until.IsZero() {
		timer = time.AfterFunc(time.Until(until), func() { who.expire(geminio.ErrTimeout) })
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

// An asyncCall is what startCall leaves behind.
type asyncCall struct {
	async
	stream *Stream
	done   func(geminio.Response, error)
}

// finishCall tells of the outcome of a call that is in no table any more.
// Nobody else knows of one that neither a context nor a timer can end: it is
// used again.
func (s *Stream) finishCall(c *call, rsp geminio.Response, err error) {
	done := c.async.done
	if c.async.patience.endless() {
		s.end.reuseCall(c)
	} else {
		c.async.finish(s)
	}
	done(rsp, err)
}

// StartCall calls method of the peer on the default stream. It returns when
// the request is queued: it waits for room and credit, as long as ctx and
// timeout (0: none) allow. Then done is called once, with what Call would have
// returned, within the same ctx and timeout. If StartCall returns an error,
// nothing was sent and done is not called.
//
// done must not block, and may call anything that does not. It is called with
// no lock held, on any goroutine: the connection's reader, or, where the call
// ends in the middle of its content, the caller's before StartCall returns.
// When the End is lost, the calls that were started have been told of it before
// ConnOffline is called; those that ctx or timeout ends at that very moment are
// told of that.
func (e *End) StartCall(ctx context.Context, method string, req geminio.Request, timeout time.Duration, done func(geminio.Response, error)) error {
	return e.startCall(ctx, method, req, timeout, done)
}

func (s *Stream) startCall(ctx context.Context, method string, req geminio.Request, timeout time.Duration, done func(geminio.Response, error)) error {
	if err := s.check(ctx, timeout, method, req); err != nil {
		return err
	}
	c := s.end.newCall()
	c.async.stream, c.async.done = s, done
	if err := s.beginCall(c, method, req); err != nil {
		return err
	}
	p := s.end.patience(ctx, timeout)
	defer p.stop()
	c.async.patience = patience{ctx: p.ctx, done: p.done, until: p.until}
	err := s.sendCall(c, method, req, &p)
	if err == nil {
		if s.handOn(&c.exchange, &c.async.async, c) {
			return nil
		}
		err = errHalted
	}
	s.lockUnsent(c, err)
	rsp, err := s.endCall(c, &p, err)
	if c.mark == 0 && err != nil {
		return err
	}
	s.finishCall(c, rsp, err)
	return nil
}

func (c *call) expire(err error) {
	s := c.async.stream
	s.mu.Lock()
	open := s.takeCall(c)
	body := c.body
	c.body = nil
	s.mu.Unlock()
	if open {
		s.withdrawCall(c, body)
		s.finishCall(c, nil, err)
	}
}

// CallAsync calls method of the peer. It waits for room to send, and delivers
// the outcome to ch, or to the Done of the returned Call if ch is nil.
func (s *Stream) CallAsync(ctx context.Context, method string, req geminio.Request, ch chan *geminio.Call, opts ...*options.CallOptions) (*geminio.Call, error) {
	if ch == nil {
		ch = make(chan *geminio.Call, 1)
	}
	call := &geminio.Call{Method: method, Request: req, Done: ch}
	err := s.startCall(ctx, method, req, CallTimeout(req, opts), func(rsp geminio.Response, err error) {
		call.Response, call.Error = rsp, err
		s.end.callOutlets.Deliver(ch, call)
	})
	if err != nil {
		return nil, err
	}
	return call, nil
}

// An asyncPublish is what startPublish leaves behind.
type asyncPublish struct {
	async
	stream *Stream
	done   func(error)
}

// finishPublish is finishCall for a publication.
func (s *Stream) finishPublish(pub *publication, err error) {
	done := pub.async.done
	if pub.async.patience.endless() {
		s.end.reusePublication(pub)
	} else {
		pub.async.finish(s)
	}
	done(err)
}

// Again says what a publication has to do with earlier sessions. The zero
// value says nothing.
type Again struct {
	// ID is the place of an effectively-once message in the sequence of its
	// publisher: 1 for the first, and never that of another message. Where it
	// is 0 the message belongs to this End alone. Of messages that are
	// published at once, the smallest and the largest must be less than 1024
	// apart, the newest ones that a receiver remembers.
	ID uint64

	// Redelivered tells the receiver that the message may have arrived before.
	Redelivered bool
}

// StartPublish sends msg on the default stream. It returns when msg is queued
// and may be changed: it waits for its turn, for room and for credit, as long
// as ctx and timeout (0: none) allow. Then done is called once, with what
// Publish would have returned, as done of StartCall is. If StartPublish returns
// an error, nothing was sent and done is not called.
func (e *End) StartPublish(ctx context.Context, msg geminio.Message, timeout time.Duration, again Again, done func(error)) error {
	return e.startPublish(ctx, msg, timeout, again, done)
}

func (s *Stream) startPublish(ctx context.Context, msg geminio.Message, timeout time.Duration, again Again, done func(error)) error {
	if err := s.check(ctx, timeout, msg.Topic(), msg); err != nil {
		return err
	}
	p := s.end.patience(ctx, timeout)
	defer p.stop()
	pub := s.end.newPublication()
	pub.async.stream, pub.async.done = s, done
	pub.async.patience = patience{ctx: p.ctx, done: p.done, until: p.until}
	err := s.sendMessage(pub, msg, again, &p)
	switch {
	case pub.w == nil:
		return err // it never began
	case err == nil && msg.Cnss() != options.CnssAtMostOnce:
		if s.handOn(&pub.exchange, &pub.async.async, pub) {
			return nil
		}
		err = errHalted
	}
	err = s.endPublish(pub, &p, err)
	if pub.mark == 0 && err != nil {
		return err
	}
	s.finishPublish(pub, err)
	return nil
}

func (pub *publication) expire(err error) {
	s := pub.async.stream
	s.mu.Lock()
	open := s.takePublication(pub)
	s.mu.Unlock()
	if open {
		s.withdrawMessage(pub)
		s.finishPublish(pub, err)
	}
}

// PublishAsync sends msg. It waits for room to send, and delivers the outcome
// to ch, or to the Done of the returned Publish if ch is nil.
func (s *Stream) PublishAsync(ctx context.Context, msg geminio.Message, ch chan *geminio.Publish, opts ...*options.PublishOptions) (*geminio.Publish, error) {
	if ch == nil {
		ch = make(chan *geminio.Publish, 1)
	}
	publish := &geminio.Publish{Message: msg, Done: ch}
	err := s.startPublish(ctx, msg, PublishTimeout(msg, opts), Again{}, func(err error) {
		publish.Error = err
		s.end.publishOutlets.Deliver(ch, publish)
	})
	if err != nil {
		return nil, err
	}
	return publish, nil
}
