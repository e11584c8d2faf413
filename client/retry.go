package client

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/pkg/backoff"
	"github.com/singchia/geminio/pkg/outlet"
)

// dialTimeout is how long NewRetryEnd dials.
const dialTimeout = 10 * time.Second

// A RetryEnd is an End that outlives its connections. Where the server keeps
// sessions, a connection that is lost is replaced by another one within the
// grace of the server, and nobody notices: streams, calls and messages go on.
// Where it does not, or came too late, the session is lost and the RetryEnd
// gets a new one; it tries for ever, at growing intervals.
//
// What an operation does then:
//
//   - Whatever waits for the server waits for the next session, under its
//     context, timeout or deadline.
//   - Call and CallAsync go on with the next session if nothing of the request
//     has left; otherwise they fail with a *geminio.CallError. No call is
//     executed twice.
//   - Publish and PublishAsync publish again what was not acknowledged, in the
//     same order and with the same ID, before anything new; the receiver may
//     ask geminio.Redelivered. What is to be delivered at most once is not sent
//     twice, and what is to be delivered effectively once (options.Cnss) not
//     received twice: where the server has forgotten what it received, it fails
//     with a *geminio.CallError. At most 1024 of these wait for their
//     acknowledgement at a time.
//   - Read and Write return geminio.ErrSessionLost once if bytes were read or
//     written in the session that was lost, Read the rest before; if it was
//     closed by the server, Read returns io.EOF once. After that they go on
//     with the next one. Deadlines stay.
//   - Receive, AcceptStream and Accept return what is left of the session that
//     was lost, and go on with the next one. Streams that were opened and
//     accepted are lost with their session.
//   - What was registered and hijacked is in force again in the next session,
//     and the ClientID is asked for again. Requests and messages that were made
//     earlier can be used.
//
// The delegate is told of ConnOnline and ConnOffline for each session, one
// after the other, and of EndReOnline for each but the first. A ConnOffline
// that does not return holds up the next session. With
// delegate.SuspendDelegate it is told of connections too.
//
// After Close, Read and Write return net.ErrClosed and everything else io.EOF.
type RetryEnd struct {
	*delegate.UnimplementedDelegate

	// immutable
	setup     *setup
	dialer    func(context.Context) (net.Conn, error)
	publisher [16]byte
	ctx       context.Context // ends when Close is called
	cancel    context.CancelFunc
	dialing   context.Context // ends when Close is done: until then a cut may still be mended
	stop      context.CancelFunc
	outbox    outbox

	current atomic.Pointer[session] // the last that was set up

	reading, writing     direction
	receiving, accepting cursor
	calls                outlet.Outlets[*geminio.Call]
	publications         outlet.Outlets[*geminio.Publish]

	backoff *backoff.Backoff // reconnect only

	mu sync.Mutex
	// mu guards
	newest       *session // the last that has begun
	opened       bool     // sessions that are lost are replaced
	reconnecting bool     // reconnect runs
	ids          clientIDs
	methods      []*geminio.MethodRPC // what is registered, elements are not changed
	registering  map[string]chan struct{}
	hijack       *hijack
}

type hijack struct {
	rpc  geminio.HijackRPC
	opts *options.HijackOptions
}

var (
	_ geminio.End              = (*RetryEnd)(nil)
	_ geminio.CloseWriter      = (*RetryEnd)(nil)
	_ geminio.CloseReader      = (*RetryEnd)(nil)
	_ io.WriterTo              = (*RetryEnd)(nil)
	_ io.ReaderFrom            = (*RetryEnd)(nil)
	_ delegate.ConnDescriber   = (*RetryEnd)(nil)
	_ delegate.ClientDescriber = (*RetryEnd)(nil)
)

// NewRetryEnd returns a *RetryEnd that dials address on the named network,
// each time for 10 s at most. Apart from that it is NewRetryEndWithDialer.
func NewRetryEnd(network, address string, opts ...*EndOptions) (geminio.End, error) {
	d := net.Dialer{Timeout: dialTimeout}
	return newRetryEnd(func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, network, address) }, opts)
}

// NewRetryEndWithDialer returns a *RetryEnd on connections of dialer, which is
// called for each attempt, one at a time, until Close. It waits for the first
// session, as NewEndWithDialer does, and returns its error: then nothing is
// tried again. With SetLazyDial it waits for nothing and fails only for
// options that do not add up.
func NewRetryEndWithDialer(dialer Dialer, opts ...*EndOptions) (geminio.End, error) {
	return newRetryEnd(func(context.Context) (net.Conn, error) { return dialer() }, opts)
}

func newRetryEnd(dialer func(context.Context) (net.Conn, error), opts []*EndOptions) (geminio.End, error) {
	s, err := newSetup(opts)
	if err != nil {
		return nil, err
	}
	r := &RetryEnd{setup: s, dialer: dialer, backoff: backoff.New(nil)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.dialing, r.stop = context.WithCancel(context.Background())
	r.calls.Ended, r.publications.Ended = r.ctx.Done(), r.ctx.Done()
	_, _ = rand.Read(r.publisher[:]) // it does not fail
	r.outbox.init()
	for _, m := range s.opts.LocalMethods {
		if m != nil {
			r.remember(&geminio.MethodRPC{Method: m.Method, RPC: m.RPC})
		}
	}
	absent := s.absent()
	r.newest = absent
	r.current.Store(absent)
	for _, c := range r.cursors() {
		c.at.Store(absent)
	}
	if s.opts.LazyDial {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ids.add(absent.end.ClientID())
		r.opened = true
		r.look()
		return r, nil
	}
	if err := r.open(); err != nil {
		r.cancel()
		r.stop()
		return nil, err
	}
	return r, nil
}

// open makes the first session.
func (r *RetryEnd) open() error {
	nc, err := r.dialer(r.dialing)
	if err != nil {
		return err
	}
	first, err := r.greet(nc)
	if err != nil {
		return err
	}
	return r.settle(first)
}

// cursors returns where all kinds of operations are that may lag behind.
func (r *RetryEnd) cursors() []*cursor {
	return []*cursor{&r.reading.cursor, &r.writing.cursor, &r.receiving, &r.accepting}
}

// isClosed tells whether Close was called.
func (r *RetryEnd) isClosed() bool { return r.ctx.Err() != nil }

// Close ends all that waits for a session, and the session as the Close of an
// End does: what was written goes out, also over another connection if the one
// there is is lost meanwhile. If there is none when Close is called it ends at
// once, and what was not sent is lost. It may be called any number of times,
// from callbacks and handlers too, and returns nil.
func (r *RetryEnd) Close() error {
	r.mu.Lock()
	r.cancel() // what has not begun by now finds that out
	sessions := []*session{r.newest, r.current.Load()}
	r.mu.Unlock()
	for _, c := range r.cursors() {
		sessions = append(sessions, c.at.Load())
	}
	r.outbox.close()
	for i, s := range sessions {
		if !slices.Contains(sessions[:i], s) {
			s.end.Close()
		}
	}
	r.stop()
	r.mu.Lock()
	s := r.newest
	lost := s.suspended && !s.lost
	r.mu.Unlock()
	if lost {
		s.conn.GiveUp(net.ErrClosed)
	}
	return nil
}

// clientIDs are those that a RetryEnd has had, the oldest first.
type clientIDs []uint64

// mostIDs is how many of them are remembered.
const mostIDs = 1000

// add notes an id and returns the others.
func (ids *clientIDs) add(id uint64) (others []uint64) {
	others = slices.DeleteFunc(slices.Clone(*ids), func(other uint64) bool { return other == id })
	if len(others) >= mostIDs {
		others = others[len(others)-mostIDs+1:]
	}
	*ids = append(slices.Clip(others), id)
	return others
}

// ClientID returns the id that the server gave for the current session. It is
// the same for all of them, if the server grants that. Before the first one it
// is that of SetClientID, or 0.
func (r *RetryEnd) ClientID() uint64 { return r.current.Load().end.ClientID() }

// Meta returns what the client gave. The caller must not change it.
func (r *RetryEnd) Meta() []byte { return r.setup.opts.Meta }

// StreamID returns the id of the default stream, 1.
func (r *RetryEnd) StreamID() uint64 { return r.current.Load().end.StreamID() }

// Side returns geminio.InitiatorSide.
func (r *RetryEnd) Side() geminio.Side { return geminio.InitiatorSide }

// Peer returns the empty string: the default stream has no name.
func (r *RetryEnd) Peer() string { return "" }

// Addr is LocalAddr.
func (r *RetryEnd) Addr() net.Addr { return r.LocalAddr() }

// LocalAddr returns the address of this side of the connection on which the
// current session began, never nil.
func (r *RetryEnd) LocalAddr() net.Addr { return r.current.Load().end.LocalAddr() }

// RemoteAddr returns the address of the other side of the connection on which
// the current session began, never nil.
func (r *RetryEnd) RemoteAddr() net.Addr { return r.current.Load().end.RemoteAddr() }
