// Package yamux adapts hashicorp/yamux. It has no calls: those of Mixed travel
// by net/rpc on one of its streams.
package yamux

import (
	"errors"
	"io"

	"github.com/hashicorp/yamux"

	"github.com/singchia/geminio/test/bench/peers/adapter/internal/loopback"
	"github.com/singchia/geminio/test/bench/peers/adapter/netrpc"
	"github.com/singchia/geminio/test/bench/peers/peer"
)

// Peer is yamux with its default configuration.
func Peer() peer.Peer {
	return peer.Peer{
		Name:   "yamux",
		Module: "github.com/hashicorp/yamux",
		Mux:    open,
		Mixed:  netrpc.Mixed(open),
	}
}

func config() *yamux.Config {
	c := yamux.DefaultConfig()
	c.LogOutput = io.Discard
	return c
}

type mux struct {
	near, far *yamux.Session
}

func open() (peer.Mux, error) {
	near, far, err := loopback.Pair()
	if err != nil {
		return nil, err
	}
	client, err := yamux.Client(near, config())
	if err != nil {
		return nil, errors.Join(err, near.Close(), far.Close())
	}
	server, err := yamux.Server(far, config())
	if err != nil {
		return nil, errors.Join(err, client.Close(), far.Close())
	}
	return mux{client, server}, nil
}

func (m mux) Open() (io.ReadWriteCloser, error)   { return m.near.Open() }
func (m mux) Accept() (io.ReadWriteCloser, error) { return m.far.Accept() }
func (m mux) Close() error                        { return errors.Join(m.near.Close(), m.far.Close()) }
