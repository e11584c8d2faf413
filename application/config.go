package application

import (
	"net"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/multiplexer"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

// Conn is the connection that an End owns.
type Conn interface {
	multiplexer.Link

	LocalAddr() net.Addr
	RemoteAddr() net.Addr

	// Close waits for the end of the close handshake, at most 5 s. It does not
	// wait for HandleClosed to return. The multiplexer was closed before.
	Close()
}

// Dialogues is what the delegate wants to know of streams.
type Dialogues interface {
	DialogueOnline(delegate.DialogueDescriber) error
	DialogueOffline(delegate.DialogueDescriber) error
}

// Config is what an End is made of. Callbacks may be nil; none is called on
// the connection's reader.
type Config struct {
	// Log is where panics of callbacks and handlers go. If nil,
	// log.DefaultLog.
	Log log.Logger

	// Limits is what this side allows, as Limits.WithDefaults returned it. It
	// is not changed: Ends may share it.
	Limits *options.Limits

	// Peer is what the other side allowed in the handshake. It is not changed.
	Peer *packet.Hello

	// PacketFactory makes the ids of requests and messages. If nil, they come
	// from id.DefaultIncIDCounter.
	PacketFactory packet.PacketFactory

	// ClientID and Meta are those of the handshake, the same on both sides.
	ClientID uint64
	Meta     []byte

	// FormerIDs are client ids under which requests and messages may have been
	// made too, by NewRequest and NewMessage of earlier Ends.
	FormerIDs []uint64

	// Publishers remembers what was received effectively once, over the
	// sessions of each publisher. If nil, such a message is one of this End
	// alone, and received as one at least once.
	Publishers *Publishers

	// ReadQueue is how many messages of a stream may wait for Receive before
	// the peer gets no more credit. If 0 or less, only their bytes count.
	ReadQueue int

	// WriteQueue is how many DATA frames of a stream may wait to be written
	// before its writers wait. If 0 or less, only the queue of the connection
	// limits them.
	WriteQueue int

	// Dialogues is told of the streams beside the default stream.
	Dialogues Dialogues

	// AcceptStreamFunc takes each stream that the peer opens, instead of
	// AcceptStream.
	AcceptStreamFunc func(geminio.Stream)

	// ClosedStreamFunc is called once for each opened or accepted stream that
	// is over.
	ClosedStreamFunc func(geminio.Stream)

	// RemoteRegistration is called before the peer learns that its
	// registration has arrived.
	RemoteRegistration func(method string, clientID, streamID uint64)

	// ConnSuspended and ConnResumed are called when Suspended and Resumed were,
	// in that order and one at a time.
	ConnSuspended, ConnResumed func()

	// ConnOffline is called once, when the connection has ended and the other
	// callbacks have returned, or 1 s later.
	ConnOffline func()

	// LocalMethods are registered, and RemoteMethods waited for, by Setup.
	LocalMethods  []*geminio.MethodRPC
	RemoteMethods []string

	// RemoteMethodCheck makes Call refuse methods that the peer has not
	// registered.
	RemoteMethodCheck bool
}
