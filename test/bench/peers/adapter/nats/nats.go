// Package nats adapts nats.go with a nats-server in this process. What it
// carries passes that server: it is a reference, not a rival.
package nats

import "github.com/singchia/geminio/test/bench/peers/peer"

const module = "github.com/nats-io/nats.go"

// Peers are calls by request and reply, messages by request that their receiver
// acknowledges by an empty reply, and messages published to a stream in the
// server's memory that the server acknowledges.
func Peers() []peer.Peer {
	core, stream := &broker{}, &broker{jetStream: true}
	return []peer.Peer{
		{
			Name:   "nats",
			Module: module,
			Call:   func() (peer.Caller, error) { return newCaller(core) },
			Conns:  func(n int) (func(), error) { return connections(core, n) },
		},
		{
			Name:    "nats-request",
			Module:  module,
			Message: func() (peer.Messenger, error) { return newMessenger(core) },
		},
		{
			Name:    "jetstream-mem",
			Module:  module,
			Message: func() (peer.Messenger, error) { return newPublisher(stream) },
		},
	}
}
