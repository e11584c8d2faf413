package conn

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/memnet"
)

// A couple is both sides of a session that survives its transport.
type couple struct {
	t                testing.TB
	client, server   *Conn
	hc, hs           *recorder
	inClient         net.Conn // the transport, as each side has it
	inServer         net.Conn
	suspended, again chan struct{} // the client's callbacks
	serverConfig     Config
}

var testInstance = [16]byte{1, 2, 3}

func newCouple(t testing.TB, grace time.Duration, logger ...log.Logger) *couple {
	p := &couple{t: t, suspended: make(chan struct{}, 1000), again: make(chan struct{}, 1000)}
	p.serverConfig = Config{Grace: grace, Instance: testInstance}
	for _, l := range logger {
		p.serverConfig.Log = l
	}
	p.dial()
	incoming := make(chan *Incoming, 1)
	go func() {
		in, err := Accept(p.inServer, p.serverConfig)
		if err != nil {
			close(incoming)
			return
		}
		c, err := in.Confirm(7)
		if err == nil {
			p.server = c
		}
		incoming <- in
	}()
	c, err := Client(p.inClient, Config{
		Log:       p.serverConfig.Log,
		Resume:    true,
		Suspended: func(error) { p.suspended <- struct{}{} },
		Resumed:   func() { p.again <- struct{}{} },
	}, 0, []byte("meta"))
	require.NoError(t, err)
	require.NotNil(t, <-incoming)
	p.client = c
	require.Equal(t, p.client.SessionID(), p.server.SessionID())
	require.NotZero(t, p.client.SessionID())
	p.hc, p.hs = newRecorder(p.client), newRecorder(p.server)
	p.client.Start(p.hc)
	p.server.Start(p.hs)
	return p
}

// dial makes the next transport.
func (p *couple) dial() { p.inClient, p.inServer = memnet.Pipe() }

// cut ends the transport, and waits until the client has noticed.
func (p *couple) cut() {
	p.t.Helper()
	p.inClient.Close()
	p.await(p.suspended)
}

func (p *couple) await(c chan struct{}) {
	p.t.Helper()
	select {
	case <-c:
	case <-time.After(soon):
		require.FailNow(p.t, "it did not come")
	}
}

// resume goes on over another transport.
func (p *couple) resume() {
	p.t.Helper()
	p.dial()
	server := make(chan error, 1)
	go func() {
		in, err := Accept(p.inServer, p.serverConfig)
		if err != nil {
			server <- err
			return
		}
		resumed, err := in.Resume(p.server, nil)
		if !resumed && err == nil {
			err = errors.New("not resumed")
		}
		server <- err
	}()
	next, err := p.client.Resume(p.inClient, false)
	require.NoError(p.t, err)
	require.Nil(p.t, next)
	require.NoError(p.t, <-server)
	p.await(p.again)
}

func TestASessionGoesOnOverAnotherTransport(t *testing.T) {
	p := newCouple(t, time.Minute)
	append1(t, p.client, packet.Messages, 3, 100)
	p.hs.received(t, 1)
	p.cut()
	require.True(t, p.client.Detached())
	append1(t, p.client, packet.Messages, 3, 200) // while nothing carries it
	append1(t, p.server, packet.Messages, 3, 300)
	p.resume()
	require.Len(t, p.hs.received(t, 2)[1].payload, 200)
	require.Len(t, p.hc.received(t, 1)[0].payload, 300)
	require.EqualValues(t, 1, p.client.Stats().Resumes)
	p.cut()
	p.resume()
	append1(t, p.server, packet.Messages, 3, 400)
	require.Len(t, p.hc.received(t, 2)[1].payload, 400)
	p.client.Shutdown(0, "")
	p.client.Close()
	require.NoError(t, p.hc.ended(t))
	p.server.Close()
	_ = p.hs.ended(t)
}

// TestEveryFrameArrivesOnceWhateverIsCut cuts while both sides send frames of
// all sizes. Each transport carries something new: one that carries nothing is
// a resume that the server holds back when there are many.
func TestEveryFrameArrivesOnceWhateverIsCut(t *testing.T) {
	p := newCouple(t, time.Minute)
	const cuts, each = 20, 100 // frames from one cut to the next
	const frames = (cuts + 1) * each
	send := func(c *Conn, seed uint64, begin <-chan struct{}) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		for i := range frames {
			if i%each == 0 {
				<-begin
			}
			payload := make([]byte, 40+rnd.IntN(1<<rnd.IntN(16)))
			copy(payload, fmt.Sprintf("%08d", i))
			_, err := c.Append(packet.Messages, packet.Header{Type: packet.TypeMessage, Stream: 3}, payload, nil, nil, nil)
			if err != nil {
				t.Error(err)
			}
		}
	}
	client, server := make(chan struct{}, cuts+1), make(chan struct{}, cuts+1)
	go send(p.client, 1, client)
	go send(p.server, 2, server)
	for i := range cuts {
		client <- struct{}{}
		server <- struct{}{}
		p.hs.received(t, i*each+1)
		p.inServer.Close()
		p.await(p.suspended)
		p.resume()
	}
	client <- struct{}{}
	server <- struct{}{}
	for _, h := range []*recorder{p.hc, p.hs} {
		for i, f := range h.received(t, frames) {
			require.Equal(t, fmt.Sprintf("%08d", i), string(f.payload[:8]))
		}
	}
	require.EqualValues(t, cuts, p.server.Stats().Resumes)
	p.client.GiveUp(io.ErrClosedPipe)
	require.Error(t, p.hc.ended(t))
	p.server.GiveUp(io.ErrClosedPipe)
	require.Error(t, p.hs.ended(t))
}

func TestASessionEndsWhenNothingComesInTheTimeOfItsGrace(t *testing.T) {
	p := newCouple(t, 50*time.Millisecond)
	p.cut()
	require.ErrorIs(t, p.hc.ended(t), ErrGrace)
	require.ErrorIs(t, p.hs.ended(t), ErrGrace)
}

// A curious logger asks both sides whenever it is told something, as a
// program's may.
type curious struct {
	log.Logger
	client, server atomic.Pointer[Conn]
}

func (l *curious) Debugf(string, ...any) {
	for _, c := range []*Conn{l.client.Load(), l.server.Load()} {
		if c != nil {
			c.Held()
		}
	}
}

func TestALoggerMayAskTheConnection(t *testing.T) {
	l := &curious{Logger: log.DefaultLog}
	p := newCouple(t, time.Minute, l)
	l.client.Store(p.client)
	l.server.Store(p.server)
	p.cut()
	p.resume()
	p.client.GiveUp(io.ErrClosedPipe)
	require.Error(t, p.hc.ended(t))
	p.server.GiveUp(io.ErrClosedPipe)
	require.Error(t, p.hs.ended(t))
}
