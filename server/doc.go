// Package server makes Ends of the connections that clients open. Listen and
// NewListener make one of every connection of a listener, NewEndWithConn of
// one connection.
//
// # Life
//
// An End comes about in this order: the client says what it wants; the
// delegate's Authenticate or a TLS certificate tell who it is; the delegate's
// GetClientID decides its id; an End that has this id gives way, if it is that
// of the same client; the delegate's ConnOnline agrees; the client is told; the
// methods that the options name are registered on both sides; the End is
// returned. An error on the way refuses the client, with the error's text.
// ConnOffline is called once for each ConnOnline that agreed.
//
// The session of an End outlives its connection, if the client is made for
// that: when the connection is lost, the session waits for the client to come
// back, 30 s by default, and goes on over the new connection as if nothing had
// been. Neither the delegate nor AcceptEnd hears of it.
//
// A newcomer takes the place of an End that has its id where both are the same
// client: by what Authenticate returned, else by the key of a verified
// certificate, else because GetClientID granted both the id. Of an End of whom
// none of these tells, it takes the place if GetClientID granted the id, or if
// the session waits for its client. ConnOffline of the old then comes before
// ConnOnline of the new. All others get geminio.ErrClientIDInUse.
//
// Closing a listener ends neither the Ends that it has returned nor their
// sessions: whoever serves them closes them.
//
// # Concurrency
//
// All functions and methods may be called concurrently. Handshakes run side by
// side, so that no client holds up another. Options may be shared by any number
// of listeners and Ends and are not changed.
//
// # Errors
//
// Listen and NewListener return the error of listening as it is, or say which
// options do not add up. AcceptEnd returns an error when the listener has ended,
// for one that was closed one that wraps net.ErrClosed: a handshake that failed
// is no error of it, unless SetHandshakeErrors asks for that. NewEndWithConn
// returns why its client was refused, and ErrSessionResumed where there is
// nothing to serve. What the methods of an End return is said in package
// geminio.
package server
