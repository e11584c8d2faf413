package multiplexer

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/credit"
)

// A side is one connection with its multiplexer and an owner that has no
// application above it.
type side struct {
	c        *conn.Conn
	m        *Multiplexer
	accepted chan *Dialogue
	closed   chan error
}

func (s *side) NewDialogue(d *Dialogue) Receiver { return nobody{s, d} }

func (s *side) HandleOpen(d *Dialogue) {
	d.Accept()
	s.accepted <- d
}
func (s *side) HandleFrame(packet.Header, []byte) error { return nil }
func (s *side) Compose()                                {}
func (s *side) EndBatch()                               {}
func (s *side) HandleClose(uint16, string)              { s.c.Offline() }
func (s *side) HandleClosed(err error)                  { s.closed <- err }

func (s *side) Close() {
	s.m.Close()
	s.c.Close()
}

// nobody is the receiver of a dialogue without an application.
type nobody struct {
	s *side
	d *Dialogue
}

func (nobody) HandleFrame(packet.Header, []byte) error      { return nil }
func (nobody) HandleBody(uint8, uint64, []byte, bool) error { return nil }

// HandleOver gives back the window for messages, as an application would.
func (n nobody) HandleOver(Ending) {
	if n.d.StreamID() != defaultStream {
		n.s.m.cfg.Budget.Give(n.d.MessageWindow() - n.s.m.cfg.MinMessageWindow)
	}
}

// stream is a dialogue with the addresses of its connection.
type stream struct {
	*Dialogue
	c *conn.Conn
}

func (s stream) LocalAddr() net.Addr  { return s.c.LocalAddr() }
func (s stream) RemoteAddr() net.Addr { return s.c.RemoteAddr() }

func config(peer packet.Hello) Config {
	return Config{
		Budget: credit.NewBudget(96 << 20), Memory: 96 << 20,
		StreamWindow: 256 << 10, MaxStreamWindow: 16 << 20, MinStreamWindow: 4 << 10,
		MessageWindow: 1 << 20, StreamMessageWindow: 64 << 10, MinMessageWindow: 2 << 10,
		MaxStreams: 16384, OpenBacklog: 128, Peer: &peer,
	}
}

func offer() packet.Hello {
	cfg := config(packet.Hello{})
	return packet.Hello{
		StreamWindow: uint32(cfg.StreamWindow), MessageWindow: uint32(cfg.MessageWindow),
		OpenCredit: FirstOpens(cfg),
	}
}

func newSide(c *conn.Conn) *side {
	s := &side{c: c, accepted: make(chan *Dialogue, 128), closed: make(chan error, 1)}
	s.m = New(c, s, config(*c.Peer()))
	c.Start(s.m)
	return s
}

// pair returns both sides of a connection over a and b.
func pair(t testing.TB, a, b net.Conn) (client, server *side) {
	t.Helper()
	type result struct {
		c   *conn.Conn
		err error
	}
	done := make(chan result, 1)
	go func() {
		in, err := conn.Accept(b, conn.Config{Offer: offer()})
		if err != nil {
			done <- result{nil, err}
			return
		}
		c, err := in.Confirm(7)
		done <- result{c, err}
	}()
	c, err := conn.Client(a, conn.Config{Offer: offer()}, 0, []byte("meta"))
	require.NoError(t, err)
	r := <-done
	require.NoError(t, r.err)
	return newSide(c), newSide(r.c)
}

// tcpPair returns both ends of a loopback connection.
func tcpPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := ln.Accept()
		if err == nil {
			accepted <- c
		}
	}()
	a, err = net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	return a, <-accepted
}

func TestDialogueIsANetConn(t *testing.T) {
	carriers := map[string]func(testing.TB) (net.Conn, net.Conn){
		"tcp":  tcpPair,
		"pipe": func(testing.TB) (net.Conn, net.Conn) { return net.Pipe() },
	}
	for name, carrier := range carriers {
		for _, opened := range []bool{false, true} {
			name := name
			if opened {
				name += "/opened"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
					a, b := carrier(t)
					client, server := pair(t, a, b)
					x, y := client.m.Default(), server.m.Default()
					if opened {
						if x, err = client.m.Open(context.Background(), nil, ""); err != nil {
							return nil, nil, nil, err
						}
						y = <-server.accepted
					}
					return stream{x, client.c}, stream{y, server.c}, func() {
						client.Close()
						server.Close()
						<-client.closed
						<-server.closed
					}, nil
				})
			})
		}
	}
}
