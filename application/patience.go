package application

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/pkg/wait"
)

// A patience is how long one operation may wait: its context and its timeout.
type patience struct {
	ctx    context.Context
	done   <-chan struct{}
	timer  *time.Timer // nil without a timeout
	until  time.Time   // when the timeout is over
	timers *sync.Pool  // where timer came from
}

// patience returns how long ctx and timeout, 0 for none, let an operation wait.
// stop must be called when it is over. Timers are kept with their End and not
// shared: one that was made in a synctest bubble must not leave it.
func (e *End) patience(ctx context.Context, timeout time.Duration) patience {
	p := patience{ctx: ctx, done: ctx.Done()}
	if timeout == 0 {
		return p
	}
	p.until = time.Now().Add(timeout)
	p.timers = &e.timers
	if t, ok := e.timers.Get().(*time.Timer); ok {
		t.Reset(timeout)
		p.timer = t
	} else {
		p.timer = time.NewTimer(timeout)
	}
	return p
}

// endless tells whether nothing but the end of the operation ends it.
func (p *patience) endless() bool { return p.done == nil && p.until.IsZero() }

func (p *patience) stop() {
	if p.timer != nil {
		p.timer.Stop()
		p.timers.Put(p.timer)
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
		if time.Now().Before(p.until) {
			return nil // left over from who had the timer before
		}
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
