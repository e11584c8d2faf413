package server

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/application"
)

const (
	// maxFinished is how many finished Ends wait for AcceptEnd before no more
	// connections are accepted.
	maxFinished = 256

	// silentLeast is how long a newcomer may be silent before it gives way to
	// a newer one, where there are as many as may be: whoever floods a listener
	// with silence must not hold up those who speak.
	silentLeast = 100 * time.Millisecond

	// Errors such as "too many open files" pass. The pause after one grows
	// while they follow each other.
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

// A Listener accepts connections and makes them Ends. All methods may be
// called concurrently.
type Listener interface {
	// AcceptEnd waits for the next End that is finished: its client has been
	// accepted by the delegate, has an id, and the methods that the options
	// ask for are registered on both sides. Handshakes run side by side, so
	// that no client holds up another; Ends come in the order in which they
	// were finished. A client that goes on with a session makes no new End.
	//
	// A connection that does not become an End is dropped and logged at debug
	// level. With SetHandshakeErrors(true) AcceptEnd returns its error too, as
	// a net.Error that is Temporary.
	//
	// After Close the error wraps net.ErrClosed. When the listener below has
	// failed for good, the error is its own, after the Ends that are finished.
	AcceptEnd() (geminio.End, error)

	// Accept is AcceptEnd for those who want a net.Conn, which is the End.
	Accept() (net.Conn, error)

	// Close ends accepting, and with it all that AcceptEnd has not returned:
	// handshakes and Ends, in the background. Ends that it has returned live
	// on; one that loses its connection waits for its client as before, who can
	// come back only through another listener with the same Sessions. Close may
	// be called again and then returns nil.
	Close() error

	// Addr returns the address of the listener below.
	Addr() net.Addr
}

type listener struct {
	// Immutable after newListener.
	ln    net.Listener
	setup *setup
	ctx   context.Context // ends with Close
	close context.CancelFunc

	mu          sync.Mutex  // protects following
	room        sync.Cond   // accept waits for: one of the counts below has fallen
	ready       sync.Cond   // AcceptEnd waits for: finished is not empty, or err is set
	newcomers   []*newcomer // connections whose client has not yet done its part, oldest first
	connections int         // all that were accepted and are not over; a session that waits for its client has none
	failures    uint64      // connections that did not become an End
	finished    []outcome
	err         error // why there will be nothing more
	closed      bool
}

// A newcomer is a connection whose client has not yet done its part of the
// handshake.
type newcomer struct {
	nc    net.Conn
	since time.Time
}

// An outcome is what became of a connection: an End or an error.
type outcome struct {
	end *application.End
	err error
}

func newListener(ln net.Listener, s *setup) *listener {
	l := &listener{ln: ln, setup: s}
	l.room.L, l.ready.L = &l.mu, &l.mu
	l.ctx, l.close = context.WithCancel(context.Background())
	go l.accept()
	return l
}

func (l *listener) Addr() net.Addr { return l.ln.Addr() }

func (l *listener) Accept() (net.Conn, error) {
	end, err := l.AcceptEnd()
	if err != nil {
		return nil, err
	}
	return end, nil
}

func (l *listener) AcceptEnd() (geminio.End, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.finished) == 0 && l.err == nil {
		l.ready.Wait()
	}
	if len(l.finished) == 0 {
		return nil, l.err
	}
	o := l.finished[0]
	l.finished[0] = outcome{}
	l.finished = l.finished[1:]
	l.room.Signal()
	if o.err != nil {
		return nil, o.err
	}
	return o.end, nil
}

func (l *listener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	addr := l.ln.Addr()
	l.err = &net.OpError{Op: "accept", Net: addr.Network(), Addr: addr, Err: net.ErrClosed}
	unclaimed := l.finished
	l.finished = nil
	l.room.Broadcast()
	l.ready.Broadcast()
	l.mu.Unlock()

	err := l.ln.Close()
	l.close()
	for _, o := range unclaimed {
		if o.end != nil {
			go o.end.Close()
		}
	}
	return err
}

// accept takes connections as long as there is room and gives each a goroutine
// for its handshake. It may block on the listener below and for room, and ends
// with Close or when the listener has failed for good.
func (l *listener) accept() {
	var pause time.Duration
	for l.awaitRoom() {
		nc, err := l.ln.Accept()
		switch {
		case err == nil:
			pause = 0
			go l.serve(nc, l.admit(nc))
		case temporary(err):
			pause = min(max(2*pause, minAcceptPause), maxAcceptPause)
			l.setup.log.Warnf("accept on %v: %v; next try in %v", l.ln.Addr(), err, pause)
			l.sleep(pause)
		default:
			l.fail(err)
			return
		}
	}
}

// awaitRoom waits until one more connection may be accepted and tells whether
// the listener is still open.
func (l *listener) awaitRoom() bool {
	limits := &l.setup.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.closed && (l.connections >= limits.MaxConnections || len(l.finished) >= maxFinished) {
		l.room.Wait()
	}
	return !l.closed
}

// giveWay hangs up on the oldest newcomer if it was silent for long enough,
// and waits until that is so if not. The lock is held.
func (l *listener) giveWay() {
	oldest := l.newcomers[0]
	if left := silentLeast - time.Since(oldest.since); left > 0 {
		t := time.AfterFunc(left, l.room.Broadcast)
		l.room.Wait()
		t.Stop()
		return
	}
	l.newcomers = l.newcomers[1:]
	_ = oldest.nc.Close() // its handshake fails, and tells
}

// admit counts a new connection, when there is room for one more handshake.
func (l *listener) admit(nc net.Conn) *newcomer {
	s := &newcomer{nc, time.Now()}
	l.mu.Lock()
	for !l.closed && len(l.newcomers) >= l.setup.limits.MaxHandshakes {
		l.giveWay()
	}
	l.newcomers = append(l.newcomers, s)
	l.connections++
	l.mu.Unlock()
	return s
}

// heard says that s has done its part, or is gone.
func (l *listener) heard(s *newcomer) {
	l.mu.Lock()
	if i := slices.Index(l.newcomers, s); i >= 0 {
		l.newcomers = slices.Delete(l.newcomers, i, i+1)
		l.room.Signal()
	}
	l.mu.Unlock()
}

// gone says that a connection is over.
func (l *listener) gone() {
	l.mu.Lock()
	l.connections--
	l.room.Signal()
	l.mu.Unlock()
}

func (l *listener) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.ctx.Done():
	}
}

// fail has AcceptEnd return err once it has returned the finished Ends.
func (l *listener) fail(err error) {
	l.mu.Lock()
	if l.err == nil {
		l.err = err
	}
	l.ready.Broadcast()
	l.mu.Unlock()
}

// serve makes one connection an End, or hands it to the session that it goes on
// with. It may block as long as the delegate does, and without limit for the
// methods that the client has to register; it ends with the connection, which
// Close ends.
func (l *listener) serve(nc net.Conn, s *newcomer) {
	stop := context.AfterFunc(l.ctx, func() { nc.Close() })
	remote := nc.RemoteAddr()

	end, err := l.setup.shake(l.ctx, nc, func() { l.heard(s) }, l.gone)
	stop()
	if err == ErrSessionResumed {
		return
	}
	if err != nil {
		l.heard(s)
		l.gone()
		l.drop(remote, err)
		return
	}
	stop = context.AfterFunc(l.ctx, func() { end.Close() })
	err = end.Setup()
	stop()
	if err != nil {
		end.Close()
		l.drop(remote, err)
		return
	}
	l.deliver(outcome{end: end})
}

// drop counts a connection that did not become an End.
func (l *listener) drop(remote net.Addr, err error) {
	l.mu.Lock()
	l.failures++
	n, closed := l.failures, l.closed
	l.mu.Unlock()
	if closed {
		return
	}
	l.setup.log.Debugf("handshake with %v failed, %d so far: %v", remote, n, err)
	if l.setup.opts.HandshakeErrors {
		l.deliver(outcome{err: &handshakeError{remote: remote, err: err}})
	}
}

// deliver hands o to AcceptEnd.
func (l *listener) deliver(o outcome) {
	l.mu.Lock()
	if !l.closed {
		l.finished = append(l.finished, o)
		l.ready.Signal()
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	if o.end != nil {
		o.end.Close()
	}
}

// temporary tells whether Accept may succeed when it is tried again.
func temporary(err error) bool {
	var ne interface{ Temporary() bool }
	return errors.As(err, &ne) && ne.Temporary()
}

// A handshakeError tells why a connection did not become an End. It is
// temporary: the listener goes on.
type handshakeError struct {
	remote net.Addr
	err    error
}

var _ net.Error = (*handshakeError)(nil)

func (e *handshakeError) Error() string {
	return "handshake with " + e.remote.String() + ": " + e.err.Error()
}

func (e *handshakeError) Unwrap() error   { return e.err }
func (e *handshakeError) Temporary() bool { return true }

func (e *handshakeError) Timeout() bool {
	var ne net.Error
	return errors.As(e.err, &ne) && ne.Timeout()
}
