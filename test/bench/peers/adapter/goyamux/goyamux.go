// Package goyamux adapts libp2p/go-yamux. It has no calls: those of Mixed
// travel by net/rpc on one of its streams.
package goyamux

import (
	"context"
	"errors"
	"io"
	"math"

	"github.com/libp2p/go-yamux/v5"

	"github.com/singchia/geminio/test/bench/peers/adapter/internal/loopback"
	"github.com/singchia/geminio/test/bench/peers/adapter/netrpc"
	"github.com/singchia/geminio/test/bench/peers/peer"
)

// Peer is go-yamux with its default configuration and no limit of streams.
func Peer() peer.Peer {
	return peer.Peer{
		Name:   "go-yamux",
		Module: "github.com/libp2p/go-yamux/v5",
		Mux:    open,
		Mixed:  netrpc.Mixed(open),
	}
}

func config() *yamux.Config {
	c := yamux.DefaultConfig()
	c.MaxIncomingStreams = math.MaxUint32 // by default it resets the 1001st
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
	client, err := yamux.Client(near, config(), nil)
	if err != nil {
		return nil, errors.Join(err, near.Close(), far.Close())
	}
	server, err := yamux.Server(far, config(), nil)
	if err != nil {
		return nil, errors.Join(err, client.Close(), far.Close())
	}
	return mux{client, server}, nil
}

func (m mux) Open() (io.ReadWriteCloser, error)   { return m.near.Open(context.Background()) }
func (m mux) Accept() (io.ReadWriteCloser, error) { return m.far.Accept() }
func (m mux) Close() error                        { return errors.Join(m.near.Close(), m.far.Close()) }
