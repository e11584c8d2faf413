// Package client makes an End on a connection that the program dials: NewEnd
// dials it by itself, NewEndWithDialer has it dialled, NewEndWithConn takes
// one that is there. NewRetryEnd and NewRetryEndWithDialer make one that
// outlives its connections: see RetryEnd.
//
// A constructor returns when the server has agreed, the delegate's ConnOnline
// has returned, the methods of SetRegisterLocalRPCs are registered and those
// of SetWaitRemoteRPCs are there. Handlers may run before that. The delegate
// is told of ConnOnline first, and of ConnOffline last and once, if ConnOnline
// agreed.
//
// Options may be shared by any number of Ends and are not changed.
package client
