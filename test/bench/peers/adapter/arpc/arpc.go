// Package arpc adapts lesismal/arpc.
package arpc

import (
	"errors"
	"net"
	"time"

	"github.com/lesismal/arpc"
	"github.com/lesismal/arpc/log"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

const (
	method  = "echo"
	timeout = time.Minute // a call must have one
)

// Peers are arpc as it ships, which leaves Nagle's algorithm on and runs the
// handler on the reading goroutine, and arpc with TCP_NODELAY and a goroutine
// for each call.
func Peers() []peer.Peer {
	log.SetLevel(log.LevelNone)
	return []peer.Peer{of("arpc", false), of("arpc-tuned", true)}
}

func of(name string, tuned bool) peer.Peer {
	return peer.Peer{
		Name:   name,
		Module: "github.com/lesismal/arpc",
		Call:   func() (peer.Caller, error) { return connect(tuned) },
	}
}

type caller struct {
	client *arpc.Client
	server *arpc.Server
	served chan struct{} // closed when the server has ended
}

func connect(tuned bool) (peer.Caller, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &caller{server: arpc.NewServer(), served: make(chan struct{})}
	handler := arpc.NewHandler()
	c.server.Handler = arpc.NewHandler()
	if tuned {
		handler.HandleConnected(noDelay)
		c.server.Handler.HandleConnected(noDelay)
	}
	c.server.Handler.Handle(method, func(ctx *arpc.Context) {
		var p []byte
		err := ctx.Bind(&p)
		if err == nil {
			err = ctx.Write(p)
		}
		if err != nil {
			_ = ctx.Error(err)
		}
	}, tuned)
	go func() {
		defer close(c.served)
		_ = c.server.Serve(ln) // until Close
	}()
	c.client, err = arpc.NewClient(func() (net.Conn, error) { return net.Dial("tcp", ln.Addr().String()) }, handler)
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return c, nil
}

func noDelay(c *arpc.Client) {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetNoDelay(true)
	}
}

func (c *caller) Call(payload []byte) (answer []byte, err error) {
	err = c.client.Call(method, payload, &answer, timeout)
	return answer, err
}

func (c *caller) Close() error {
	c.client.Stop()
	err := c.server.Listener.Close()
	<-c.served
	return err
}
