//go:build !original

package main

import (
	"slices"

	"github.com/singchia/geminio/test/bench/peers/adapter/arpc"
	"github.com/singchia/geminio/test/bench/peers/adapter/cmdstream"
	"github.com/singchia/geminio/test/bench/peers/adapter/drpc"
	"github.com/singchia/geminio/test/bench/peers/adapter/floor"
	"github.com/singchia/geminio/test/bench/peers/adapter/geminio"
	"github.com/singchia/geminio/test/bench/peers/adapter/goyamux"
	"github.com/singchia/geminio/test/bench/peers/adapter/grpc"
	"github.com/singchia/geminio/test/bench/peers/adapter/nats"
	"github.com/singchia/geminio/test/bench/peers/adapter/netrpc"
	"github.com/singchia/geminio/test/bench/peers/adapter/smux"
	"github.com/singchia/geminio/test/bench/peers/adapter/tcp"
	"github.com/singchia/geminio/test/bench/peers/adapter/yamux"
	"github.com/singchia/geminio/test/bench/peers/peer"
)

// peers returns all that are compared.
func peers() []peer.Peer {
	return slices.Concat(
		[]peer.Peer{geminio.Peer()},
		[]peer.Peer{tcp.Peer()},
		[]peer.Peer{floor.Peer()},
		[]peer.Peer{yamux.Peer()},
		[]peer.Peer{goyamux.Peer()},
		smux.Peers(),
		[]peer.Peer{grpc.Peer()},
		[]peer.Peer{drpc.Peer()},
		arpc.Peers(),
		[]peer.Peer{cmdstream.Peer()},
		[]peer.Peer{netrpc.Peer()},
		nats.Peers(),
	)
}
