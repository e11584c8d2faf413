//go:build go1.25

package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/memnet"
)

var (
	errCut     = errors.New("cut")
	errRefused = errors.New("connection refused")
)

// A site is an address at which servers come and go.
type site struct {
	t    *testing.T
	ends chan geminio.End // those accepted

	mu      sync.Mutex
	ln      *memnet.Listener // nil: nobody listens
	l       server.Listener
	refuses bool
	conns   []*memnet.Conn // those not cut
	dials   int
	all     []geminio.End
}

// bubble runs a test with a site in a bubble of synctest.
func bubble(t *testing.T, f func(t *testing.T, s *site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		watchdog := time.AfterFunc(12*time.Hour, func() { panic("the test waits for ever") })
		defer watchdog.Stop()
		s := &site{t: t, ends: make(chan geminio.End, 1000)}
		defer s.close()
		f(t, s)
	})
}

// up starts a server.
func (s *site) up(opts ...func(*server.EndOptions)) {
	o := server.NewEndOptions()
	o.SetLog(silence{log.DefaultLog})
	for _, f := range opts {
		f(o)
	}
	ln := memnet.Listen()
	l, err := server.NewListener(ln, o)
	require.NoError(s.t, err)
	s.mu.Lock()
	s.ln, s.l = ln, l
	s.mu.Unlock()
	go func() {
		for {
			end, err := l.AcceptEnd()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.all = append(s.all, end)
			s.mu.Unlock()
			s.ends <- end
		}
	}()
}

// mortal has sessions end with their connections.
func mortal(o *server.EndOptions) { o.SetResumeGrace(0) }

// down ends the server as a crash does.
func (s *site) down() {
	s.mu.Lock()
	l := s.l
	s.ln, s.l = nil, nil
	s.mu.Unlock()
	if l != nil {
		l.Close()
	}
	s.cut()
}

// cut breaks every connection, once nothing moves any more.
func (s *site) cut() {
	synctest.Wait()
	s.mu.Lock()
	conns := s.conns
	s.conns = nil
	s.mu.Unlock()
	for _, c := range conns {
		c.Break(errCut)
	}
	synctest.Wait()
}

// refuse has dials refused, or not any more, whoever listens.
func (s *site) refuse(on bool) {
	s.mu.Lock()
	s.refuses = on
	s.mu.Unlock()
}

// last returns the newest connection that was not cut.
func (s *site) last() *memnet.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[len(s.conns)-1]
}

func (s *site) dial() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials++
	if s.ln == nil || s.refuses {
		return nil, errRefused
	}
	c, err := s.ln.DialConn()
	if err != nil {
		return nil, err
	}
	s.conns = append(s.conns, c)
	return c, nil
}

func (s *site) dialled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials
}

// close ends everything, so that no goroutine is left in the bubble.
func (s *site) close() {
	s.down()
	for _, end := range s.all {
		end.Close()
	}
	time.Sleep(time.Minute)
}

// client returns a RetryEnd on the site, closed with the test.
func (s *site) client(opts ...func(*EndOptions)) *RetryEnd {
	o := quiet()
	for _, f := range opts {
		f(o)
	}
	end, err := NewRetryEndWithDialer(s.dial, o)
	require.NoError(s.t, err)
	return end.(*RetryEnd)
}

// pair returns a RetryEnd, and the server's End of its first session.
func (s *site) pair(opts ...func(*EndOptions)) (*RetryEnd, geminio.End) {
	r := s.client(opts...)
	return r, <-s.ends
}

func lazy(o *EndOptions)     { o.SetLazyDial() }
func wanting7(o *EndOptions) { o.SetClientID(7); o.SetMeta([]byte("me")) }

func toldTo(d delegate.ClientDelegate) func(*EndOptions) {
	return func(o *EndOptions) { o.SetDelegate(d) }
}

// diary is a delegate that writes down what it is told of sessions.
type diary struct {
	*delegate.UnimplementedDelegate
	mu       sync.Mutex
	lines    []string
	online   func(delegate.ConnDescriber) error
	reOnline func(delegate.ClientDescriber)
}

func (d *diary) write(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) read() []string {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := d.lines
	d.lines = nil
	return lines
}

func (d *diary) ConnOnline(c delegate.ConnDescriber) error {
	d.write("online %d", c.ClientID())
	if d.online != nil {
		return d.online(c)
	}
	return nil
}

func (d *diary) ConnOffline(c delegate.ConnDescriber) error {
	d.write("offline %d", c.ClientID())
	return nil
}

func (d *diary) EndReOnline(c delegate.ClientDescriber) {
	d.write("again %d", c.ClientID())
	if d.reOnline != nil {
		d.reOnline(c)
	}
}

func (d *diary) ConnSuspended(delegate.ConnDescriber) { d.write("suspended") }
func (d *diary) ConnResumed(delegate.ConnDescriber)   { d.write("resumed") }

func echo(_ context.Context, req geminio.Request, rsp geminio.Response) { rsp.SetData(req.Data()) }

// echoes checks that a call of echo comes back.
func echoes(t *testing.T, caller geminio.End, text string) {
	t.Helper()
	rsp, err := caller.Call(context.Background(), "echo", caller.NewRequest([]byte(text)))
	require.NoError(t, err)
	assert.Equal(t, text, string(rsp.Data()))
}

// pending tells that nothing has come from c, though everything has been done.
func pending[T any](t *testing.T, c <-chan T) {
	t.Helper()
	synctest.Wait()
	select {
	case v := <-c:
		require.Failf(t, "it did not wait", "%+v", v)
	default:
	}
}
