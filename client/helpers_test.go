package client

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// receive returns what c delivers, or fails the test when that takes long.
func receive[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		require.FailNow(t, "nothing came in time")
	}
	return v
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

// silence is a logger that drops its lines.
type silence struct{ log.Logger }

func (silence) Debugf(string, ...any) {}
func (silence) Infof(string, ...any)  {}
func (silence) Warnf(string, ...any)  {}
func (silence) Errorf(string, ...any) {}

func quiet() *EndOptions {
	o := NewEndOptions()
	o.SetLog(silence{log.DefaultLog})
	return o
}

// peer is the server's side of a pipe; its End comes when it is finished.
func peer(opts ...func(*server.EndOptions)) (near net.Conn, far <-chan result[geminio.End]) {
	c, s := net.Pipe()
	o := server.NewEndOptions()
	o.SetLog(silence{log.DefaultLog})
	for _, f := range opts {
		f(o)
	}
	return c, background(func() (geminio.End, error) { return server.NewEndWithConn(s, o) })
}

// ended waits until end is over.
func ended(t *testing.T, end geminio.End) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := end.Receive(ctx)
	assert.Equal(t, io.EOF, err)
}

// recorder is a delegate that writes down what it is told.
type recorder struct {
	*delegate.UnimplementedDelegate
	events     chan string
	connOnline func(delegate.ConnDescriber) error
}

func newRecorder() *recorder { return &recorder{events: make(chan string, 100)} }

func (r *recorder) ConnOnline(d delegate.ConnDescriber) error {
	r.events <- "online " + string(d.Meta())
	if r.connOnline != nil {
		return r.connOnline(d)
	}
	return nil
}

func (r *recorder) ConnOffline(d delegate.ConnDescriber) error {
	r.events <- "offline " + string(d.Meta())
	return nil
}

func (r *recorder) DialogueOnline(delegate.DialogueDescriber) error {
	r.events <- "stream online"
	return nil
}

func (r *recorder) RemoteRegistration(method string, clientID, streamID uint64) {
	r.events <- "registered " + method
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
