// Package client makes an End on a connection that the program dials: NewEnd
// dials it by itself, NewEndWithDialer has it dialled, NewEndWithConn takes
// one that is there. NewRetryEnd and NewRetryEndWithDialer make one that
// outlives its connections: see RetryEnd.
//
// # Life
//
// A constructor returns when the server has agreed, the delegate's ConnOnline
// has returned, the methods of SetRegisterLocalRPCs are registered and those
// of SetWaitRemoteRPCs are there. Handlers may run before that. The delegate
// is told of ConnOnline first, and of ConnOffline last and once, if ConnOnline
// agreed.
//
// An End lives until Close on either side, or until its connection is lost: a
// RetryEnd then goes on over another one, or begins anew, and dials for ever
// until it is closed. Close may be called at any time, and again.
//
// # Concurrency
//
// All functions, and all methods of an End, may be called concurrently, from
// handlers and callbacks too. Options may be shared by any number of Ends and
// are not changed.
//
// # Errors
//
// The constructors return the error of dialling as it is, the delegate's own
// if ConnOnline refused, a *geminio.RemoteError with the server's words if the
// server did, and geminio.ErrClientIDInUse or geminio.ErrProtocolVersion where
// these say it. On an error nothing is left behind. What the methods of an End
// return is said in package geminio; of a RetryEnd, in the comment of RetryEnd.
package client
