package delegate

import (
	"context"
	"crypto/tls"
	"net"
)

// Authenticator is what the delegate of a server may be besides: it says who a
// client is, before GetClientID is asked for its id. It is found by type
// assertion.
type Authenticator interface {
	// Authenticate returns the identity of a client, or "" to say none, which
	// leaves it to a certificate or to GetClientID. A client that asks for the
	// id of an End takes its place if it is of the same identity, and is
	// refused if not; a session goes on for the identity with which it began.
	// An error refuses the client, with its text.
	//
	// It is called once for each connection, during the handshake, also where
	// the client wants to go on with a session. It may block: the client waits
	// for it, others do not. ctx ends when the listener is closed.
	Authenticate(ctx context.Context, info AuthInfo) (identity string, err error)
}

// AuthInfo is what is known of a client before it has an identity.
type AuthInfo struct {
	// LocalAddr and RemoteAddr are those of the connection.
	LocalAddr, RemoteAddr net.Addr
	// TLS is the state of the connection, nil if it is not one of TLS.
	TLS *tls.ConnectionState
	// Meta is what the client says of itself: its EndOptions.Meta.
	Meta []byte
}

// ResumeAuthorizer is what the delegate of a server may be besides: it is
// asked whether a session may go on over a new connection. It is found by type
// assertion.
type ResumeAuthorizer interface {
	// AuthorizeResume is asked about conn, whose client has proven that it
	// holds the key of old's session and is of the same identity. The addresses
	// and the TLS state of conn may be looked at; it must not be read, written
	// or closed. An error refuses: the client may begin a new session, the old
	// one is as it was.
	//
	// It runs during the handshake, while old may be connected still, and may
	// block: the client waits for it, others do not.
	AuthorizeResume(old ConnDescriber, conn net.Conn) error
}
