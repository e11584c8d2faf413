package client

import (
	"container/list"
	"context"
	"io"
	"net"
	"sync"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/pkg/wait"
)

// mostOnce is how far the sequences of messages that are published effectively
// once, and not settled, may be apart: what a receiver remembers.
const mostOnce = 1024

// An outbox publishes on the default stream of a RetryEnd, over all its
// sessions. While a session takes what is published nothing is queued here:
// each publisher starts its own. When the session is over, what has no outcome
// waits here, and so does what is published meanwhile, until it is started
// again, in its order, on the next session.
type outbox struct {
	waiters wait.Pool

	mu sync.Mutex
	// mu guards
	closed   bool
	session  *session  // the last that publications go on with
	flowing  bool      // it takes publications as they come
	inFlight int       // publications that are started, or being started, on any session
	landed   sync.Cond // inFlight is 0
	count    uint64    // publications ever made
	waiting  list.List // of *publication, not started on any session that lives

	sequence uint64         // of the last message published effectively once
	once     []*publication // those that have a sequence, from the oldest that is not settled
	windowed wait.Queue     // who waits for a sequence
}

// A publication is one message until its outcome is known.
type publication struct {
	// immutable
	msg     messageCopy
	ctx     context.Context
	timeout time.Duration
	until   time.Time // when it is over, zero without one

	// outbox.mu guards
	n        uint64        // its place in the order
	sequence uint64        // its place among those that are effectively once, else 0
	place    *list.Element // in outbox.waiting, nil while it is not there
	maybe    bool          // the server may have received it
	queued   bool          // it was queued on some session
	settled  bool
	outcome  error          // once it is settled
	w        *wait.Waiter   // of the publisher, nil when it waits no more
	report   func(error)    // is called with the outcome, if nobody waits for it
	disarm   [2]func() bool // what would end its patience while it waits
}

func (o *outbox) init() { o.landed.L = &o.mu }

// publish starts p, or has it started when its turn comes. An error says that p
// will never be.
func (o *outbox) publish(p *publication) error {
	p.w = o.waiters.Get()
	o.mu.Lock()
	if err := o.number(p); err != nil {
		o.mu.Unlock()
		p.w.Put()
		return err
	}
	s := o.session
	if !o.flowing {
		o.wait(p)
		o.mu.Unlock()
		return nil
	}
	o.inFlight++
	o.mu.Unlock()
	o.start(s, p, p.timeout)
	return nil
}

// number gives p its place, and a sequence if it is to be delivered effectively
// once, for which it may have to wait. mu is held.
func (o *outbox) number(p *publication) error {
	if p.msg.cnss == options.CnssAtEffectiveOnce {
		if err := o.awaitWindow(p); err != nil {
			return err
		}
		o.sequence++
		p.sequence = o.sequence
		o.once = append(o.once, p)
	}
	if o.closed {
		return io.EOF
	}
	o.count++
	p.n = o.count
	return nil
}

// awaitWindow waits until there may be another sequence. mu is held.
func (o *outbox) awaitWindow(p *publication) error {
	var over <-chan time.Time
	defer func() {
		o.windowed.Remove(p.w)
		o.nextSequence()
	}()
	for first := true; ; first = false {
		switch {
		case o.closed:
			return io.EOF
		case o.windowOpen() && (first && o.windowed.Len() == 0 || o.windowed.Front() == p.w):
			return nil
		case first:
			o.windowed.Push(p.w)
			if !p.until.IsZero() {
				timer := time.NewTimer(time.Until(p.until))
				defer timer.Stop()
				over = timer.C
			}
		}
		o.mu.Unlock()
		var err error
		select {
		case <-p.w.C:
		case <-p.ctx.Done():
			err = p.ctx.Err()
		case <-over:
			err = geminio.ErrTimeout
		}
		o.mu.Lock()
		if err != nil {
			return err
		}
	}
}

func (o *outbox) windowOpen() bool {
	return len(o.once) == 0 || o.sequence-o.once[0].sequence < mostOnce-1
}

// nextSequence wakes who waits for a sequence, if there may be one. mu is held.
func (o *outbox) nextSequence() {
	if w := o.windowed.Front(); w != nil && (o.windowOpen() || o.closed) {
		w.Wake()
	}
}

// start publishes p on s. It waits for room and credit. p is in flight.
func (o *outbox) start(s *session, p *publication, timeout time.Duration) {
	again := application.Again{ID: p.sequence, Redelivered: p.maybe}
	err := s.end.StartPublish(p.ctx, &p.msg, timeout, again, func(err error) { o.land(s, p, err, true) })
	if err != nil {
		o.land(s, p, err, false)
		return
	}
	o.mu.Lock()
	o.isQueued(p)
	o.mu.Unlock()
}

// isQueued notes that p was queued on a session. mu is held.
func (o *outbox) isQueued(p *publication) {
	p.queued = true
	if p.w != nil {
		p.w.Wake()
	}
}

// land takes what came of p on s. queued says that something of it may have
// left.
func (o *outbox) land(s *session, p *publication, err error, queued bool) {
	ended, maybe := judge(err)
	o.mu.Lock()
	if queued {
		o.isQueued(p)
	}
	if o.inFlight--; o.inFlight == 0 {
		o.landed.Broadcast()
	}
	if ended && o.session == s {
		o.flowing = false
	}
	p.maybe = p.maybe || ended && maybe
	var report func(error)
	switch {
	case !ended || o.closed || p.msg.cnss == options.CnssAtMostOnce && p.maybe:
		report = o.settle(p, err)
	default:
		o.wait(p)
	}
	o.mu.Unlock()
	if report != nil {
		report(err)
	}
}

// wait has p wait for the next session, as long as its context and timeout
// allow. mu is held.
func (o *outbox) wait(p *publication) {
	p.place = o.waiting.PushBack(p)
	if p.ctx.Done() != nil {
		p.disarm[0] = context.AfterFunc(p.ctx, func() { o.expire(p, p.ctx.Err()) })
	}
	if !p.until.IsZero() {
		p.disarm[1] = time.AfterFunc(time.Until(p.until), func() { o.expire(p, geminio.ErrTimeout) }).Stop
	}
}

// unwait takes p out of those that wait. mu is held.
func (o *outbox) unwait(p *publication) {
	o.waiting.Remove(p.place)
	p.place = nil
	for i, disarm := range p.disarm {
		if disarm != nil {
			disarm()
			p.disarm[i] = nil
		}
	}
}

// expire ends the patience of p, if it waits. On a session, that does it by
// itself.
func (o *outbox) expire(p *publication, err error) {
	o.mu.Lock()
	var report func(error)
	if p.place != nil {
		o.unwait(p)
		report = o.settle(p, err)
	}
	o.mu.Unlock()
	if report != nil {
		report(err)
	}
}

// settle notes the outcome of p, and returns who is to be told of it, without
// mu; nil where a publisher waits. mu is held.
func (o *outbox) settle(p *publication, err error) (report func(error)) {
	p.settled, p.outcome = true, err
	if p.w != nil {
		p.w.Wake()
	}
	if p.sequence != 0 {
		settled := 0
		for settled < len(o.once) && o.once[settled].settled {
			o.once[settled] = nil
			settled++
		}
		o.once = o.once[settled:]
		o.nextSequence()
	}
	return p.report
}

// awaitSettled waits for the outcome of p.
func (o *outbox) awaitSettled(p *publication) error {
	o.mu.Lock()
	for !p.settled {
		o.mu.Unlock()
		<-p.w.C
		o.mu.Lock()
	}
	o.waitNoMore(p)
	return p.outcome
}

// awaitQueued waits until p was queued for the first time, after which report
// is called with its outcome. An error is the outcome of one that never was.
func (o *outbox) awaitQueued(p *publication, report func(error)) error {
	o.mu.Lock()
	for !p.settled && !p.queued {
		o.mu.Unlock()
		<-p.w.C
		o.mu.Lock()
	}
	if !p.settled {
		p.report = report
	}
	settled := p.settled
	o.waitNoMore(p)
	switch {
	case !settled:
		return nil
	case p.outcome != nil && !p.queued:
		return p.outcome
	}
	report(p.outcome)
	return nil
}

// waitNoMore gives the waiter of p back. mu is held, and unlocked.
func (o *outbox) waitNoMore(p *publication) {
	w := p.w
	p.w = nil
	o.mu.Unlock()
	w.Put()
}

// close ends what waits. What is in flight is ended by its session.
func (o *outbox) close() {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return
	}
	o.closed, o.flowing = true, false
	o.windowed.WakeAll()
	var reports []func()
	for front := o.waiting.Front(); front != nil; front = o.waiting.Front() {
		p := front.Value.(*publication)
		o.unwait(p)
		err := io.EOF
		if p.maybe {
			err = &geminio.CallError{Err: net.ErrClosed, MaybeExecuted: true}
		}
		if report := o.settle(p, err); report != nil {
			reports = append(reports, func() { report(err) })
		}
	}
	o.mu.Unlock()
	for _, report := range reports {
		report()
	}
}
