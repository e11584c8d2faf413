package application

import "errors"

var (
	// ErrMismatchClientID is returned by Call and Publish for a request or
	// message with the client id of another End.
	ErrMismatchClientID = errors.New("mismatch clientID")

	// ErrMismatchStreamID is returned by Call and Publish for a request or
	// message with the id of another stream.
	ErrMismatchStreamID = errors.New("mismatch streamID")

	// ErrRemoteRPCUnregistered is returned by Call, where the check is on, for
	// a method that the peer has not registered on the stream.
	ErrRemoteRPCUnregistered = errors.New("remote rpc unregistered")

	// ErrAcceptChNotEnabled is returned by AcceptStream where an
	// AcceptStreamFunc takes the streams.
	ErrAcceptChNotEnabled = errors.New("accept channel not enabled")
)

// errNotOnline refuses a stream whose DialogueOnline panicked.
var errNotOnline = errors.New("stream refused by DialogueOnline")

// What ends the connection: the peer broke a rule of docs/wire.md.
var (
	errUnexpectedFrame    = errors.New("unexpected frame")
	errDuplicateID        = errors.New("id in use")
	errBodyNotAllowed     = errors.New("body without a grant")
	errBodyLength         = errors.New("body does not have the announced length")
	errContentTooLarge    = errors.New("content larger than allowed")
	errMessageOrder       = errors.New("message before the end of the one before")
	errUnknownMethodIndex = errors.New("method index not defined")
	errDictionary         = errors.New("method dictionary out of bounds")
	errTooManyRequests    = errors.New("more requests than allowed")
	errUnanswered         = errors.New("too many unanswered registrations")
)
