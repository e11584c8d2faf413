package client

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/singchia/geminio"
)

// A direction is one direction of the default stream, over all sessions.
type direction struct {
	cursor
	deadline deadline
}

// goPast has d catch up with last, before the program goes on with next. If it
// was not told yet of the loss of a session in which it used d, that comes
// first, and then next. RetryEnd.mu is held.
func (d *direction) goPast(last, next *session, of func(*session) *passage) {
	at := d.at.Load()
	if p := of(at); p.used.Load() && !p.told.Load() {
		at.follow(next)
		return
	}
	d.catchUp(last)
}

// A deadline can be waited for, and moved meanwhile.
type deadline struct {
	mu sync.Mutex
	// mu guards
	time  time.Time     // zero: never
	moved chan struct{} // closed when it moves; nil while nobody waits
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.time = t
	if d.moved != nil {
		close(d.moved)
		d.moved = nil
	}
}

func (d *deadline) at() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.time
}

// watch returns the deadline, and what is closed when it moves.
func (d *deadline) watch() (time.Time, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moved == nil {
		d.moved = make(chan struct{})
	}
	return d.time, d.moved
}

// goOn returns the session with which d goes on after s returned err in it, or
// the error that the program gets.
func (r *RetryEnd) goOn(d *direction, p *passage, s *session, err error) (*session, error) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, err
	case r.isClosed():
		return nil, net.ErrClosed
	case !s.over(err): // the session lives, this direction of it does not
		p.told.Store(true)
		return nil, err
	case (err == io.EOF || p.used.Load()) && p.told.CompareAndSwap(false, true):
		return nil, err
	}
	return r.awaitNext(d, s)
}

// over tells whether err, which reading or writing has returned, came with the
// end of the session.
func (s *session) over(err error) bool {
	if s.end.Ending() != 0 {
		return true
	}
	if err == io.EOF {
		// A session ends the writing before the reading, so that this tells its
		// end from that of the peer's bytes.
		_, err = s.end.Write(nil)
	}
	var ended *geminio.StreamError
	return errors.Is(err, geminio.ErrSessionLost) || errors.As(err, &ended) && ended.Remote && ended.Code == 0
}

// awaitNext waits until another session follows s, as long as the deadline of d
// allows, and moves d there.
func (r *RetryEnd) awaitNext(d *direction, s *session) (next *session, err error) {
	for next == nil && err == nil {
		next, err = r.awaitWhile(d, s)
	}
	return next, err
}

// awaitWhile is awaitNext until the deadline of d moves, for which it returns
// neither a session nor an error.
func (r *RetryEnd) awaitWhile(d *direction, s *session) (*session, error) {
	until, moved := d.deadline.watch()
	var over <-chan time.Time
	if !until.IsZero() {
		left := time.Until(until)
		if left <= 0 {
			return nil, os.ErrDeadlineExceeded
		}
		timer := time.NewTimer(left)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-s.replaced:
		return d.move(s, s.next.Load()), nil
	case <-over:
		return nil, os.ErrDeadlineExceeded
	case <-r.ctx.Done():
		return nil, net.ErrClosed
	case <-moved:
		return nil, nil
	}
}

// SetDeadline sets both deadlines, as that of net.Conn does. They hold over all
// sessions, and while Read and Write wait for one.
func (r *RetryEnd) SetDeadline(t time.Time) error {
	_ = r.SetReadDeadline(t) // neither fails
	return r.SetWriteDeadline(t)
}

// SetReadDeadline sets the deadline of Read and WriteTo.
func (r *RetryEnd) SetReadDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reading.deadline.set(t)
	for _, s := range []*session{r.reading.at.Load(), r.current.Load(), r.newest} {
		_ = s.end.SetReadDeadline(t) // it does not fail
	}
	return nil
}

// SetWriteDeadline sets the deadline of Write and ReadFrom.
func (r *RetryEnd) SetWriteDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writing.deadline.set(t)
	for _, s := range []*session{r.writing.at.Load(), r.current.Load(), r.newest} {
		_ = s.end.SetWriteDeadline(t) // it does not fail
	}
	return nil
}
