// Package netrpc adapts net/rpc of the standard library as it ships: with gob,
// over one TCP connection or over a stream of a mux that has no calls.
package netrpc

import (
	"errors"
	"io"
	"net/rpc"

	"github.com/singchia/geminio/test/bench/peers/adapter/internal/loopback"
	"github.com/singchia/geminio/test/bench/peers/peer"
)

// Peer is net/rpc with gob over TCP.
func Peer() peer.Peer {
	return peer.Peer{Name: "net-rpc", Call: dial}
}

// Mixed adds calls to a mux: they travel by net/rpc on one of its streams.
func Mixed(open func() (peer.Mux, error)) func() (peer.Mux, peer.Caller, error) {
	return func() (peer.Mux, peer.Caller, error) {
		m, err := open()
		if err != nil {
			return nil, nil, err
		}
		c, err := on(m)
		if err != nil {
			return nil, nil, errors.Join(err, m.Close())
		}
		return m, c, nil
	}
}

func dial() (peer.Caller, error) {
	near, far, err := loopback.Pair()
	if err != nil {
		return nil, err
	}
	return over(near, far), nil
}

func on(m peer.Mux) (peer.Caller, error) {
	near, err := m.Open()
	if err != nil {
		return nil, err
	}
	far, err := m.Accept()
	if err != nil {
		return nil, err
	}
	return over(near, far), nil
}

type echo struct{}

// Echo is called by name.
func (echo) Echo(arg []byte, reply *[]byte) error {
	*reply = arg
	return nil
}

var server = newServer()

func newServer() *rpc.Server {
	s := rpc.NewServer()
	if err := s.RegisterName("echo", echo{}); err != nil {
		panic(err) // the method above has the wrong form
	}
	return s
}

type caller struct {
	client *rpc.Client
	served chan struct{} // closed when the server has ended
}

func over(near, far io.ReadWriteCloser) *caller {
	c := &caller{client: rpc.NewClient(near), served: make(chan struct{})}
	go func() {
		defer close(c.served)
		server.ServeConn(far)
	}()
	return c
}

func (c *caller) Call(payload []byte) ([]byte, error) {
	var answer []byte
	err := c.client.Call("echo.Echo", payload, &answer)
	return answer, err
}

func (c *caller) Close() error {
	_ = c.client.Close() // fails when what carries it has ended: then so has this
	<-c.served
	return nil
}
