// Package peer says what a library has to offer to be compared: the adapters
// below peers/ fill in a Peer, the loads drive it and know no library.
package peer

import "io"

// A Peer is one library, reached over loopback TCP with client and server in
// this process. A nil function says that the library has nothing of the kind.
type Peer struct {
	Name   string
	Module string // path of the module that is measured; "" for what is in this one

	Mux     func() (Mux, error)
	Call    func() (Caller, error)
	Message func() (Messenger, error)
	Mixed   func() (Mux, Caller, error) // calls and streams that share one connection

	// Serial says that Mux has one stream at a time: Open comes after both sides
	// of the stream before are closed.
	Serial bool

	// ConnPerStream says that each stream of Mux is a connection of its own.
	ConnPerStream bool

	// Conns sets up n connections to one server, each of which has been used
	// once and stays open, for what an idle connection costs. It may be nil
	// where Call (or Mux, without Call) leaves no listener or server of its own
	// behind: then they are called n times.
	Conns func(n int) (close func(), err error)

	// Extra has workloads of this library alone, by name. Each is set up with
	// what one operation is, the bytes that are counted for it, and what ends
	// all of it.
	Extra map[string]func() (op func() error, bytes int, close func(), err error)
}

// A Mux is one connection, seen from both sides, on which streams are opened.
type Mux interface {
	// Open opens a stream on the near side as a user of the library would who
	// writes at once: without waiting for the peer where the library lets him.
	Open() (io.ReadWriteCloser, error)

	// Accept returns the next stream on the far side. A library whose far side
	// is a handler that runs until it returns keeps it running until Close of
	// the stream.
	Accept() (io.ReadWriteCloser, error)

	// Close ends both sides and waits for their goroutines where it can. An
	// Accept or a Read under way returns with an error.
	Close() error
}

// A Caller is one connection to a server that answers each call with its
// payload. Call may run many times at once, and the answer is the caller's.
type Caller interface {
	Call(payload []byte) ([]byte, error)
	Close() error
}

// A Messenger is one connection to a receiver that acknowledges each message
// when it has it.
type Messenger interface {
	// Publish returns when payload was acknowledged. It may run many times at
	// once.
	Publish(payload []byte) error

	// PublishAsync returns when payload is on its way; done runs when it was
	// acknowledged, or not. payload is not changed before that.
	PublishAsync(payload []byte, done func(error)) error

	Close() error
}
