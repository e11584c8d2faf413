package server

import "errors"

// ErrSessionResumed is returned by NewEndWithConn when the client goes on with
// a session over the new connection: the End of that session has it now, there
// is no new one.
var ErrSessionResumed = errors.New("connection belongs to a session that goes on")

// errOtherIdentity refuses to go on with a session that began under another
// identity.
var errOtherIdentity = errors.New("session of another identity")
