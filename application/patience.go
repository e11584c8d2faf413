package application

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/pkg/wait"
)

var timers = sync.Pool{New: func() any {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}}

// A patience is how long one operation may wait: its context and its timeout.
type patience struct {
	ctx   context.Context
	done  <-chan struct{}
	timer *time.Timer // nil without a timeout
	until time.Time   // when the timeout is over
}

// newPatience starts the timeout, 0 for none. stop must be called.
func newPatience(ctx context.Context, timeout time.Duration) patience {
	p := patience{ctx: ctx, done: ctx.Done()}
	if timeout != 0 {
		p.until = time.Now().Add(timeout)
		p.timer = timers.Get().(*time.Timer)
		p.timer.Reset(timeout)
	}
	return p
}

func (p *patience) stop() {
	if p.timer != nil {
		p.timer.Stop()
		timers.Put(p.timer)
		p.timer = nil
	}
}

// wait waits for a wake-up of w. An error says that patience has come to its
// end.
func (p *patience) wait(w *wait.Waiter) error {
	if p.done == nil && p.timer == nil {
		<-w.C
		return nil
	}
	var over <-chan time.Time
	if p.timer != nil {
		over = p.timer.C
	}
	select {
	case <-w.C:
		return nil
	case <-p.done:
		return p.ctx.Err()
	case <-over:
		return geminio.ErrTimeout
	}
}

// remainingMS returns the time that is left in milliseconds, at least 1, and 0
// where there is no limit.
func (p *patience) remainingMS() uint32 {
	if p.ctx == nil {
		return 0
	}
	deadline, ok := p.ctx.Deadline()
	if !p.until.IsZero() && (!ok || p.until.Before(deadline)) {
		deadline, ok = p.until, true
	}
	if !ok {
		return 0
	}
	ms := (time.Until(deadline) + time.Millisecond - 1) / time.Millisecond
	return uint32(min(max(ms, 1), math.MaxUint32))
}

// expired returns the error of an operation whose time the peer says is over.
func (p *patience) expired() error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := p.ctx.Deadline(); ok && (p.until.IsZero() || deadline.Before(p.until)) {
		return context.DeadlineExceeded
	}
	return geminio.ErrTimeout
}
