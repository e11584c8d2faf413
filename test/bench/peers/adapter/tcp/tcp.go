// Package tcp is the reference: TCP without a library. Each of its streams is
// a connection of its own.
package tcp

import (
	"io"
	"net"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// Peer is raw TCP, as the net package sets it up.
func Peer() peer.Peer {
	return peer.Peer{Name: "tcp", Mux: open, ConnPerStream: true}
}

// mux opens connections to one listener.
type mux struct{ ln net.Listener }

func open() (peer.Mux, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return mux{ln}, nil
}

func (m mux) Open() (io.ReadWriteCloser, error) {
	return net.Dial("tcp", m.ln.Addr().String())
}

func (m mux) Accept() (io.ReadWriteCloser, error) { return m.ln.Accept() }

// Close closes the listener; a stream ends with its own Close.
func (m mux) Close() error { return m.ln.Close() }
