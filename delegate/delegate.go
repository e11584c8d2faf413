package delegate

//go:generate go run github.com/golang/mock/mockgen@v1.6.0 -source=delegate.go -destination=../test/mocks/delegate.go -package=mocks

import (
	"net"

	"github.com/singchia/geminio"
)

// ConnDescriber describes an End to a callback. Its methods keep working after
// the callback has returned and after the End has ended.
type ConnDescriber interface {
	// ClientID returns the id of the client, the same on both sides.
	ClientID() uint64
	// Meta returns what the client gave as meta. It must not be changed.
	Meta() []byte
	// LocalAddr returns the address of this side of the connection on which
	// the End began.
	LocalAddr() net.Addr
	// RemoteAddr returns the address of the other side of that connection.
	RemoteAddr() net.Addr
	// Side returns geminio.InitiatorSide on the client, geminio.RecipientSide
	// on the server.
	Side() geminio.Side
}

// DialogueDescriber describes a stream to a callback. Its methods keep working
// after the callback has returned and after the stream has ended.
type DialogueDescriber interface {
	// NegotiatingID returns the id under which the stream was asked for: the
	// same as DialogueID.
	NegotiatingID() uint64
	// ClientID returns the id of the client, the same on both sides.
	ClientID() uint64
	// DialogueID returns the stream's StreamID.
	DialogueID() uint64
	// Meta returns what the opener of the stream gave as meta. It must not be
	// changed.
	Meta() []byte
	// Side returns geminio.InitiatorSide where the stream was opened,
	// geminio.RecipientSide where it was accepted.
	Side() geminio.Side
}

// ClientDescriber describes an End that reconnected.
type ClientDescriber interface {
	// ClientID returns the id that the server gave for the new session.
	ClientID() uint64
}

// ClientConnDelegate is told of the End of a client.
type ClientConnDelegate interface {
	// ConnOnline tells that the End is connected: of a RetryEnd, that a new
	// session began. An error ends it, and is what the constructor returns.
	ConnOnline(ConnDescriber) error
	// ConnOffline tells that the End, of a RetryEnd its session, has ended. It
	// comes last, once for each ConnOnline that returned nil, and waits at most
	// 1 s for callbacks of streams that still run. Its error is only logged.
	ConnOffline(ConnDescriber) error
}

// ServerConnDelegate is asked about, and told of, the Ends of a server.
// GetClientID and ConnOnline run during the handshake: the client waits for
// them, other clients do not.
type ServerConnDelegate interface {
	// ConnOnline tells that a client has connected. An error refuses it: its
	// text is the error of the client's constructor, and no ConnOffline
	// follows.
	ConnOnline(ConnDescriber) error
	// ConnOffline tells that the End, with its session, has ended. It comes
	// last, once for each ConnOnline that returned nil, and waits at most 1 s
	// for callbacks of streams that still run. Its error is only logged.
	ConnOffline(ConnDescriber) error
	// Heartbeat tells that a beat of the client has arrived; beats come also
	// while there is traffic, every 20 s unless options say otherwise. Its
	// error is only logged.
	Heartbeat(ConnDescriber) error
	// GetClientID decides the id of a client that asks for wantedID, 0 if for
	// none, and gave meta. It returns the id to use, or 0 to have one
	// allocated. An error refuses the client as that of ConnOnline does.
	GetClientID(wantedID uint64, meta []byte) (uint64, error)
}

// ClientDialogueDelegate is told of the streams of a client's End, opened and
// accepted, but not of the default stream.
type ClientDialogueDelegate interface {
	// DialogueOnline tells that a stream was opened. On the side that accepts
	// it, an error refuses it: its text is the error of the opener's
	// OpenStream. On the side that opens it, an error closes it and is what
	// OpenStream returns.
	DialogueOnline(DialogueDescriber) error
	// DialogueOffline tells that a stream has ended, once for each
	// DialogueOnline that returned nil, also when the connection was lost. Its
	// error is only logged.
	DialogueOffline(DialogueDescriber) error
}

// ServerDialogueDelegate is told of the streams of a server's Ends, opened and
// accepted, but not of the default stream.
type ServerDialogueDelegate interface {
	// DialogueOnline is that of ClientDialogueDelegate.
	DialogueOnline(DialogueDescriber) error
	// DialogueOffline is that of ClientDialogueDelegate.
	DialogueOffline(DialogueDescriber) error
}

// ApplicationDelegate is told what the peer offers.
type ApplicationDelegate interface {
	// RemoteRegistration tells that the peer registered method on a stream.
	// The peer's Register returns after it.
	RemoteRegistration(method string, clientID uint64, streamID uint64)
}

// ClientDelegate is what a client may be given.
type ClientDelegate interface {
	ClientConnDelegate
	ClientDialogueDelegate
	ApplicationDelegate
	// EndReOnline tells that a RetryEnd has got a new session after it lost
	// one, with everything registered and hijacked in force again. It may use
	// the End.
	EndReOnline(ClientDescriber)
}

// ServerDelegate is what a server may be given.
type ServerDelegate interface {
	ServerConnDelegate
	ServerDialogueDelegate
	ApplicationDelegate
}

// Delegate is what the delegates of both sides have in common.
type Delegate interface {
	// ConnOnline is that of ClientConnDelegate, or of ServerConnDelegate.
	ConnOnline(ConnDescriber) error
	// ConnOffline is that of ClientConnDelegate, or of ServerConnDelegate.
	ConnOffline(ConnDescriber) error
	// DialogueOnline is that of ClientDialogueDelegate.
	DialogueOnline(DialogueDescriber) error
	// DialogueOffline is that of ClientDialogueDelegate.
	DialogueOffline(DialogueDescriber) error
	ApplicationDelegate
}
