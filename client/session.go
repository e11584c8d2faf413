package client

import (
	"context"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/multiplexer"
)

// A session is one session of a RetryEnd, with what must be known of it once
// it is over.
type session struct {
	// immutable once begun
	conn  *conn.Conn // nil: it is the one before the first
	end   *application.End
	hooks *hooks
	known bool // the server remembers this publisher

	offline  chan struct{} // closed when ConnOffline has returned, or is not due
	settled  chan struct{} // closed when it is set up, or never will be
	replaced chan struct{} // closed when next is there
	next     atomic.Pointer[session]

	reading, writing passage

	// RetryEnd.mu guards
	before    *session // nil once it is not waited for any more
	suspended bool     // nothing carries it
	lost      bool     // it is over
	failed    bool     // it could not be set up

	again bool // welcome only: it follows one that was set up
}

// A passage is one direction of the default stream in one session.
type passage struct {
	used atomic.Bool // the program's bytes went through it
	told atomic.Bool // the program knows how it ended
}

// use notes that bytes went through p.
func (p *passage) use() {
	if !p.used.Load() {
		p.used.Store(true)
	}
}

func newSession() *session {
	return &session{offline: make(chan struct{}), settled: make(chan struct{}), replaced: make(chan struct{})}
}

// follow says that n comes after s, or instead of what came after s and is over
// by now. RetryEnd.mu is held.
func (s *session) follow(n *session) {
	if s.next.Swap(n) == nil {
		close(s.replaced)
	}
}

// A watch tells of the end of a session, once everything above knows.
type watch struct {
	*multiplexer.Multiplexer
	over func(error)
}

// HandleClosed says that the session has ended, for good.
func (w watch) HandleClosed(err error) {
	w.Multiplexer.HandleClosed(err)
	w.over(err)
}

// begin brings the session of c to life, with everything in force that was
// before, but for what setUp does.
func (r *RetryEnd) begin(c *conn.Conn) *session {
	s := newSession()
	s.conn, s.hooks, s.known = c, newHooks(r.setup.opts.Delegate, r.setup.log), c.Peer().PublisherKnown
	cfg := r.setup.endConfig(c, s.hooks)
	cfg.ConnOffline = func() {
		defer close(s.offline)
		s.hooks.offline()
	}
	r.mu.Lock()
	cfg.LocalMethods = slices.Clone(r.methods)
	cfg.FormerIDs = r.ids.add(c.ClientID())
	s.end = application.New(c, cfg)
	if h := r.hijack; h != nil {
		_ = s.end.Hijack(h.rpc, h.opts) // its pattern was found right before
	}
	_ = s.end.SetReadDeadline(r.reading.deadline.at()) // neither fails
	_ = s.end.SetWriteDeadline(r.writing.deadline.at())
	s.before, r.newest = r.newest, s
	r.mu.Unlock()
	c.Start(watch{s.end.Mux(), func(cause error) { r.over(s, cause) }})
	return s
}

// welcome sets up a session that follows another, and tells the delegate. It
// is a goroutine of its own; it blocks in setUp, and then in EndReOnline, and
// ends with them.
func (r *RetryEnd) welcome(s *session) {
	err := r.settle(s)
	d := r.setup.opts.Delegate
	switch {
	case err != nil:
		r.warn("set up the session", err)
	case d != nil && s.again:
		_ = s.hooks.try("EndReOnline", func() error { d.EndReOnline(r); return nil })
	}
}

// settle sets s up and makes it the current session. On an error it has closed
// s.
func (r *RetryEnd) settle(s *session) error {
	defer close(s.settled)
	err := r.setUp(s)
	if err == nil {
		r.install(s)
		return nil
	}
	r.mu.Lock()
	s.failed = true
	r.mu.Unlock()
	s.end.Close()
	return err
}

// setUp asks the delegate about s, registers what was registered, and waits for
// the methods of the server. ConnOffline of the session before comes first.
func (r *RetryEnd) setUp(s *session) error {
	r.mu.Lock()
	before := s.before
	s.before = nil
	r.mu.Unlock()
	for _, done := range []chan struct{}{before.settled, before.offline} {
		select {
		case <-done:
		case <-r.ctx.Done():
		}
	}
	if r.ctx.Err() != nil {
		s.hooks.decline(io.EOF)
		return io.EOF
	}
	if err := s.hooks.online(s.end); err != nil {
		return err
	}
	return s.end.Setup()
}

// install lets everything go on over s.
func (r *RetryEnd) install(s *session) {
	r.outbox.goOn(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.current.Load()
	s.again = before.conn != nil
	r.current.Store(s) // first: who is woken may ask for it
	before.follow(s)
	r.receiving.catchUp(before)
	r.accepting.catchUp(before)
	r.reading.goPast(before, s, func(s *session) *passage { return &s.reading })
	r.writing.goPast(before, s, func(s *session) *passage { return &s.writing })
	r.opened = true
	r.look() // it may be over already
}

// A cursor is the session that one kind of operation has got to: where there
// is something left of one that is over, that comes before the next.
type cursor struct{ at atomic.Pointer[session] }

// catchUp goes to last, the last session that is over: of those before it
// nobody has wanted anything while it lived. RetryEnd.mu is held.
func (c *cursor) catchUp(last *session) { c.at.CompareAndSwap(c.at.Load(), last) }

// move goes from s, which is exhausted, to next, and returns where it is then.
func (c *cursor) move(s, next *session) *session {
	c.at.CompareAndSwap(s, next)
	return c.at.Load()
}

// await waits until another session follows s, as long as ctx and until, zero
// for no limit, allow. Once the RetryEnd is closed it returns io.EOF.
func (r *RetryEnd) await(ctx context.Context, until time.Time, s *session) (*session, error) {
	select {
	case <-s.replaced:
		return s.next.Load(), nil
	default:
	}
	var over <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-s.replaced:
		return s.next.Load(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-over:
		return nil, geminio.ErrTimeout
	case <-r.ctx.Done():
		return nil, io.EOF
	}
}
