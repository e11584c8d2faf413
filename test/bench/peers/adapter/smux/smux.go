// Package smux adapts xtaci/smux with both of its protocols. It has no calls:
// those of Mixed travel by net/rpc on one of its streams.
package smux

import (
	"errors"
	"io"

	"github.com/xtaci/smux"

	"github.com/singchia/geminio/test/bench/peers/adapter/internal/loopback"
	"github.com/singchia/geminio/test/bench/peers/adapter/netrpc"
	"github.com/singchia/geminio/test/bench/peers/peer"
)

// Peers are smux with its default configuration, which is protocol 1, and with
// protocol 2, which has a window for each stream.
func Peers() []peer.Peer {
	return []peer.Peer{version("smux", 1), version("smux-v2", 2)}
}

func version(name string, v int) peer.Peer {
	config := smux.DefaultConfig()
	config.Version = v
	open := func() (peer.Mux, error) { return open(config) }
	return peer.Peer{
		Name:   name,
		Module: "github.com/xtaci/smux",
		Mux:    open,
		Mixed:  netrpc.Mixed(open),
	}
}

type mux struct {
	near, far *smux.Session
}

func open(config *smux.Config) (peer.Mux, error) {
	near, far, err := loopback.Pair()
	if err != nil {
		return nil, err
	}
	client, err := smux.Client(near, config)
	if err != nil {
		return nil, errors.Join(err, near.Close(), far.Close())
	}
	server, err := smux.Server(far, config)
	if err != nil {
		return nil, errors.Join(err, client.Close(), far.Close())
	}
	return mux{client, server}, nil
}

func (m mux) Open() (io.ReadWriteCloser, error)   { return m.near.Open() }
func (m mux) Accept() (io.ReadWriteCloser, error) { return m.far.Accept() }
func (m mux) Close() error                        { return errors.Join(m.near.Close(), m.far.Close()) }
