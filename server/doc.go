// Package server makes Ends of the connections that clients open. Listen and
// NewListener make one of every connection of a listener, NewEndWithConn of
// one connection.
//
// An End comes about in this order: the client says what it wants; the
// delegate's GetClientID decides its id; an End that has this id gives way, if
// the delegate says that it is the same client; the delegate's ConnOnline
// agrees; the client is told; the methods that the options name are registered
// on both sides; the End is returned. An error on the way refuses the client,
// with the error's text. ConnOffline is called once for each ConnOnline that
// agreed.
//
// Options may be shared by any number of listeners and Ends and are not
// changed.
package server
