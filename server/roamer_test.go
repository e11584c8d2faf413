package server

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/options"
)

// A roamer is a client whose session outlives its connections.
type roamer struct {
	*application.End
	t         *testing.T
	dial      func() (net.Conn, error)
	c         *conn.Conn
	nc        net.Conn
	suspended chan error
}

type dialer func() (net.Conn, error)

// over dials l.
func over(l Listener) dialer {
	return func() (net.Conn, error) { return net.Dial(l.Addr().Network(), l.Addr().String()) }
}

// roam connects a client that wants to go by wanted.
func roam(t *testing.T, dial dialer, name string, wanted uint64) *roamer {
	t.Helper()
	r := &roamer{t: t, dial: dial, suspended: make(chan error, 100)}
	var err error
	r.nc, err = dial()
	require.NoError(t, err)
	limits, err := options.Limits{}.WithDefaults()
	require.NoError(t, err)
	offer := application.Offer(limits)
	offer.Publisher = [16]byte{1}
	r.c, err = conn.Client(r.nc, conn.Config{
		Log: newLogbook(), Offer: offer, Resume: true,
		Suspended: func(cause error) { r.suspended <- cause },
	}, wanted, []byte(name))
	require.NoError(t, err)
	r.End = r.start(r.c)
	return r
}

// cut takes the connection from the session.
func (r *roamer) cut() {
	r.t.Helper()
	r.nc.Close()
	receive(r.t, r.suspended)
}

// resume goes on over a new connection, and returns what Resume does: the End
// of a new session, or nil.
func (r *roamer) resume() (*application.End, error) { return r.resumeAt(false) }

func (r *roamer) resumeAt(elsewhere bool) (*application.End, error) {
	r.t.Helper()
	nc, err := r.dial()
	require.NoError(r.t, err)
	r.nc = nc
	next, err := r.c.Resume(nc, elsewhere)
	if next == nil {
		return nil, err
	}
	return r.start(next), err
}

// start makes c an End, until the end of the test.
func (r *roamer) start(c *conn.Conn) *application.End {
	limits, err := options.Limits{}.WithDefaults()
	require.NoError(r.t, err)
	end := application.New(c, application.Config{
		Log: newLogbook(), Limits: &limits, Peer: c.Peer(), ClientID: c.ClientID(), Meta: c.Meta(),
	})
	c.Start(end.Mux())
	r.t.Cleanup(func() {
		end.Close()
		c.GiveUp(io.EOF)
	})
	return end
}

// goesOn resumes, and finds that both Ends of the session work.
func (r *roamer) goesOn(far geminio.End) {
	r.t.Helper()
	next, err := r.resume()
	require.NoError(r.t, err)
	require.Nil(r.t, next)
	r.works(far)
}

// works finds that both Ends reach each other.
func (r *roamer) works(far geminio.End) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	echo := func(_ context.Context, req geminio.Request, rsp geminio.Response) { rsp.SetData(req.Data()) }
	for _, ends := range [][2]geminio.End{{r, far}, {far, r}} {
		require.NoError(r.t, ends[0].Register(ctx, "echo", echo))
		rsp, err := ends[1].Call(ctx, "echo", ends[1].NewRequest([]byte("hello")))
		require.NoError(r.t, err)
		assert.Equal(r.t, "hello", string(rsp.Data()))
	}
}

// away waits until the server has seen that l's session of that id lost its
// connection.
func away(t *testing.T, s *Sessions, id uint64) {
	t.Helper()
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		h := s.holders[id]
		return h != nil && h.away
	}, patience, time.Millisecond)
}

// graceOf returns how long the server keeps the session, 0 if it grants none.
func graceOf(r *roamer) time.Duration {
	return time.Duration(r.c.Peer().GraceMS) * time.Millisecond
}
