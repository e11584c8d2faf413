// Package arpc adapts lesismal/arpc.
package arpc

import (
	"net"
	"sync"
	"time"

	"github.com/lesismal/arpc"
	"github.com/lesismal/arpc/log"

	"github.com/singchia/geminio/test/bench/peers/adapter/internal/served"
	"github.com/singchia/geminio/test/bench/peers/peer"
)

const (
	method  = "echo"
	timeout = time.Minute // a call must have one
)

// quiet keeps the library from writing a line for each connection.
var quiet = sync.OnceFunc(func() { log.SetLevel(log.LevelNone) })

// Peers are arpc as it ships, which leaves Nagle's algorithm on and runs the
// handler on the reading goroutine, and arpc with TCP_NODELAY and a goroutine
// for each call.
func Peers() []peer.Peer {
	quiet()
	return []peer.Peer{of("arpc", false), of("arpc-tuned", true)}
}

func of(name string, tuned bool) peer.Peer {
	serve := func(int) (served.Server, error) { return serve(tuned) }
	return peer.Peer{
		Name:   name,
		Module: "github.com/lesismal/arpc",
		Call:   served.Call(serve),
		Conns:  served.Conns(serve),
	}
}

type server struct {
	*arpc.Server
	ln     net.Listener
	client arpc.Handler   // of all clients
	open   sync.WaitGroup // connections, until the server has seen the end of them
	over   chan struct{}  // closed when the server has ended
}

func serve(tuned bool) (*server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{Server: arpc.NewServer(), ln: ln, client: arpc.NewHandler(), over: make(chan struct{})}
	if tuned {
		s.client.HandleConnected(noDelay)
		s.Handler.HandleConnected(noDelay)
	}
	s.Handler.HandleDisconnected(func(*arpc.Client) { s.open.Done() })
	s.Handler.Handle(method, echo, tuned)
	go func() {
		defer close(s.over)
		_ = s.Serve(ln) // until Close
	}()
	return s, nil
}

func noDelay(c *arpc.Client) {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetNoDelay(true)
	}
}

func echo(ctx *arpc.Context) {
	var p []byte
	err := ctx.Bind(&p)
	if err == nil {
		err = ctx.Write(p)
	}
	if err != nil {
		_ = ctx.Error(err)
	}
}

func (s *server) Dial() (peer.Caller, error) {
	s.open.Add(1)
	c, err := arpc.NewClient(func() (net.Conn, error) { return net.Dial("tcp", s.ln.Addr().String()) }, s.client)
	if err != nil {
		s.open.Done()
		return nil, err
	}
	return caller{c}, nil
}

// Close waits for the connections, which the library would otherwise stop
// while it reads.
func (s *server) Close() error {
	s.open.Wait()
	err := s.ln.Close()
	<-s.over
	return err
}

type caller struct{ client *arpc.Client }

func (c caller) Call(payload []byte) (answer []byte, err error) {
	err = c.client.Call(method, payload, &answer, timeout)
	return answer, err
}

func (c caller) Close() error {
	c.client.Stop()
	return nil
}
