// Package served makes callers of libraries whose server listens for itself.
package served

import (
	"errors"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// A Server answers each call with its payload.
type Server interface {
	// Dial opens a connection to the server.
	Dial() (peer.Caller, error)

	// Close comes after Close of all connections.
	Close() error
}

// Call returns a peer's Call: a connection to a server that it has to itself.
// serve starts a server for n connections.
func Call(serve func(n int) (Server, error)) func() (peer.Caller, error) {
	return func() (peer.Caller, error) {
		s, err := serve(1)
		if err != nil {
			return nil, err
		}
		c, err := s.Dial()
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		return caller{c, s}, nil
	}
}

// caller closes the server, too.
type caller struct {
	peer.Caller
	server Server
}

func (c caller) Close() error { return errors.Join(c.Caller.Close(), c.server.Close()) }

// Conns returns a peer's Conns: connections to one server.
func Conns(serve func(n int) (Server, error)) func(n int) (end func(), err error) {
	return func(n int) (func(), error) {
		s, err := serve(n)
		if err != nil {
			return nil, err
		}
		var open []peer.Caller
		end := func() {
			for _, c := range open {
				_ = c.Close()
			}
			_ = s.Close()
		}
		for range n {
			c, err := s.Dial()
			if err == nil {
				open = append(open, c)
				_, err = c.Call([]byte{1})
			}
			if err != nil {
				end()
				return nil, err
			}
		}
		return end, nil
	}
}
