// Package delegate holds the callbacks by which an End asks and tells the
// program that owns it.
//
// A program implements ClientDelegate or ServerDelegate, most simply by
// embedding UnimplementedDelegate, and gives it to the options of client or
// server. What it may do besides (Authenticator, SuspendDelegate,
// ResumeAuthorizer) is found by type assertion.
//
// # Life
//
// Of an End (of a RetryEnd: of each session) what decides about it comes first,
// then ConnOnline, and last ConnOffline: once for each ConnOnline that agreed,
// whatever ended the End. In between, each stream has its DialogueOnline and, if
// that agreed, its DialogueOffline. What is described to a callback may be kept:
// its methods keep working.
//
// # Concurrency
//
// A callback may block, may take locks of its own and may use every End, also
// the one it is told of; a panic in it is caught and logged. Callbacks of one
// stream run one after the other. Those of different streams and Ends run side
// by side, so an implementation must expect concurrent calls.
//
// # Errors
//
// The error of a callback that asks (Authenticate, GetClientID, ConnOnline,
// DialogueOnline, AuthorizeResume) refuses what it was asked for. A client that a
// server refuses gets the text, and so does the opener of a stream; from
// AuthorizeResume nobody does. The error of a callback that tells is only
// logged.
package delegate
