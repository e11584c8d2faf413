//go:build original

package main

import (
	"github.com/singchia/geminio/test/bench/peers/adapter/geminio"
	"github.com/singchia/geminio/test/bench/peers/peer"
)

// peers returns the original release, by itself: a program has one of the two.
func peers() []peer.Peer {
	p := geminio.Peer()
	p.Name = "geminio v1.3.0-rc.2 (original)"
	return []peer.Peer{p}
}
