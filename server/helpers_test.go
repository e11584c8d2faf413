package server

import (
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/jumboframes/armorigo/log"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logbook is a logger that keeps its lines.
type logbook struct {
	log.Logger
	mu    sync.Mutex
	lines []string
}

func newLogbook() *logbook { return &logbook{Logger: log.DefaultLog} }

func (b *logbook) add(level, format string, v ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, level+" "+fmt.Sprintf(format, v...))
}

func (b *logbook) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.lines...)
}

func (b *logbook) Tracef(format string, v ...any) { b.add("TRACE", format, v...) }
func (b *logbook) Debugf(format string, v ...any) { b.add("DEBUG", format, v...) }
func (b *logbook) Infof(format string, v ...any)  { b.add("INFO", format, v...) }
func (b *logbook) Warnf(format string, v ...any)  { b.add("WARN", format, v...) }
func (b *logbook) Errorf(format string, v ...any) { b.add("ERROR", format, v...) }

// quiet returns options that log nowhere.
func quiet() *EndOptions {
	o := NewEndOptions()
	o.SetLog(newLogbook())
	return o
}

// recorder is a delegate that writes down what it is asked and told.
type recorder struct {
	*delegate.UnimplementedDelegate
	events chan string

	getClientID func(wanted uint64, meta []byte) (uint64, error)
	connOnline  func(delegate.ConnDescriber) error
	connOffline func(delegate.ConnDescriber) error
	heartbeat   func(delegate.ConnDescriber) error
}

func newRecorder() *recorder { return &recorder{events: make(chan string, 1000)} }

func (r *recorder) GetClientID(wanted uint64, meta []byte) (uint64, error) {
	r.events <- fmt.Sprintf("ask %d %s", wanted, meta)
	if r.getClientID != nil {
		return r.getClientID(wanted, meta)
	}
	return wanted, nil
}

func (r *recorder) ConnOnline(d delegate.ConnDescriber) error {
	r.events <- "online " + string(d.Meta())
	if r.connOnline != nil {
		return r.connOnline(d)
	}
	return nil
}

func (r *recorder) ConnOffline(d delegate.ConnDescriber) error {
	defer func() { r.events <- "offline " + string(d.Meta()) }()
	if r.connOffline != nil {
		return r.connOffline(d)
	}
	return nil
}

func (r *recorder) Heartbeat(d delegate.ConnDescriber) error {
	if r.heartbeat != nil {
		return r.heartbeat(d)
	}
	return nil
}

// expect waits for exactly the given events, in that order.
func (r *recorder) expect(t *testing.T, events ...string) {
	t.Helper()
	for _, want := range events {
		require.Equal(t, want, receive(t, r.events))
	}
}

// nothing tells that nothing was written down beyond what was expected.
func (r *recorder) nothing(t *testing.T) {
	t.Helper()
	select {
	case e := <-r.events:
		assert.Fail(t, "unexpected event", e)
	default:
	}
}

// listen listens on loopback until the end of the test.
func listen(t *testing.T, o *EndOptions) Listener {
	t.Helper()
	if o.Log == nil {
		o.SetLog(newLogbook())
	}
	l, err := Listen("tcp", "127.0.0.1:0", o)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// dial connects a client to l that goes by name.
func dial(l Listener, name string, more ...func(*client.EndOptions)) (geminio.End, error) {
	return client.NewEnd("tcp", l.Addr().String(), clientOptions(name, more...))
}

func clientOptions(name string, more ...func(*client.EndOptions)) *client.EndOptions {
	o := client.NewEndOptions()
	o.SetLog(newLogbook())
	o.SetMeta([]byte(name))
	for _, f := range more {
		f(o)
	}
	return o
}

func wants(id uint64) func(*client.EndOptions) {
	return func(o *client.EndOptions) { o.SetClientID(id) }
}

// connect dials l and returns both Ends, which the test closes at its end.
func connect(t *testing.T, l Listener, name string, more ...func(*client.EndOptions)) (near, far geminio.End) {
	t.Helper()
	accepted := background(l.AcceptEnd)
	near, err := dial(l, name, more...)
	require.NoError(t, err)
	t.Cleanup(func() { near.Close() })
	far = receive(t, accepted).v
	require.NotNil(t, far)
	t.Cleanup(func() { far.Close() })
	return near, far
}

// background calls f and returns where its result will come.
func background[T any](f func() (T, error)) <-chan result[T] {
	c := make(chan result[T], 1)
	go func() {
		v, err := f()
		c <- result[T]{v, err}
	}()
	return c
}

type result[T any] struct {
	v   T
	err error
}

// pipes is a listener of net.Pipes that counts the calls of Accept.
type pipes struct {
	calls  chan struct{}
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes {
	return &pipes{calls: make(chan struct{}, 1000), conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	p.calls <- struct{}{}
	select {
	case nc := <-p.conns:
		return nc, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// dial hands the other side of a new pipe to Accept.
func (p *pipes) dial() (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// serve makes l an End listener until the end of the test.
func (p *pipes) serve(t *testing.T, o *EndOptions) Listener {
	t.Helper()
	if o.Log == nil {
		o.SetLog(newLogbook())
	}
	l, err := NewListener(p, o)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}
