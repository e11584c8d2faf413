package geminio

import (
	"context"
	"errors"
	"io"
	"strconv"
)

// Which operation returns what, once a stream or its End has ended:
//
//	             | closed by this side   | closed in order by the peer        | session lost
//	Read         | net.ErrClosed         | the rest, then io.EOF              | the rest, then ErrSessionLost
//	Write,       | net.ErrClosed         | *StreamError                       | ErrSessionLost
//	CloseWrite   |                       |                                    |
//	Call, Publish| *CallError            | *CallError                         | *CallError
//	in flight    |                       |                                    |
//	Call, Publish, Register, OpenStream begun later: io.EOF (a RetryEnd waits for its next session, under ctx)
//	Receive, AcceptStream, Accept: what is queued, then io.EOF
//	Done, Error of a message: io.EOF
//
// Bare io.EOF and net.ErrClosed are returned as they are and may be compared
// with ==; test for all other errors with errors.Is and errors.As. A deadline
// ends Read and Write with os.ErrDeadlineExceeded; a context ends an operation
// with its ctx.Err() as it is.
var (
	// ErrSessionLost is returned by Read and Write when the connection was
	// lost and the session cannot go on over another one. It is an
	// io.ErrUnexpectedEOF, and neither io.EOF nor net.ErrClosed: nobody closed
	// anything, bytes may be missing.
	ErrSessionLost error = sessionLost{}

	// ErrClientIDInUse is returned by the constructors of client when another
	// client is connected under the id asked for.
	ErrClientIDInUse = errors.New("client id in use")

	// ErrProtocolVersion is returned by the constructors when the peer speaks
	// no version of the protocol that this side speaks.
	ErrProtocolVersion = errors.New("protocol version not supported by both sides")

	// ErrAlreadyAcked is returned by a message's Done after Error, and by its
	// Error after Done: the first verdict stands. The same verdict twice is no
	// error.
	ErrAlreadyAcked = errors.New("message already acked")

	// ErrBusy is returned by a call that the peer could not start in time,
	// having as many running and waiting as it allows. It was not executed and
	// may be made again.
	ErrBusy = errors.New("busy")

	// ErrTimeout is returned when the timeout of a call or publication is
	// over, and by OpenStream when the peer did not answer in time. It is a
	// net.Error with Timeout() true, and a context.DeadlineExceeded.
	ErrTimeout error = timeout{}

	// ErrTooManyRegistrations is returned by Register when the peer takes no
	// more methods on this connection.
	ErrTooManyRegistrations = errors.New("too many registrations")
)

type sessionLost struct{}

func (sessionLost) Error() string        { return "session lost" }
func (sessionLost) Is(target error) bool { return target == io.ErrUnexpectedEOF }

type timeout struct{}

func (timeout) Error() string        { return "timeout" }
func (timeout) Timeout() bool        { return true }
func (timeout) Temporary() bool      { return true }
func (timeout) Is(target error) bool { return target == context.DeadlineExceeded }

// CallError is what a call or a publication that was in flight gets when its
// stream, its End or the session ended before the outcome was known.
type CallError struct {
	// Err tells what ended, and is what Unwrap returns: net.ErrClosed when
	// this side closed the stream or the End, a *StreamError when the peer
	// did, ErrSessionLost when the session was lost.
	Err error

	// MaybeExecuted tells that the peer may have run the handler, or received
	// the message: whether it did is unknown. If false, it certainly did not,
	// and the operation may be repeated.
	MaybeExecuted bool
}

// Error tells what ended, and whether the peer may have run what was sent.
func (e *CallError) Error() string {
	cause := "ended"
	if e.Err != nil {
		cause = e.Err.Error()
	}
	if e.MaybeExecuted {
		return cause + " (may have been executed)"
	}
	return cause + " (not executed)"
}

// Unwrap returns Err.
func (e *CallError) Unwrap() error { return e.Err }

// StreamError tells that one stream has ended; the connection has not, nor
// have other streams. It is an io.ErrClosedPipe.
type StreamError struct {
	// Code is the number that the side which ended the stream gave, 0 for an
	// orderly close.
	Code uint32
	// Remote tells that the peer ended the stream, not this side.
	Remote bool
	// Text is what that side said beside Code, or empty.
	Text string
}

// Error tells who ended the stream, with Code and Text where they are given.
func (e *StreamError) Error() string {
	s := "stream closed"
	if e.Remote {
		s += " by the peer"
	}
	if e.Code != 0 {
		s += " (code " + strconv.FormatUint(uint64(e.Code), 10) + ")"
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Is tells whether target is io.ErrClosedPipe.
func (e *StreamError) Is(target error) bool { return target == io.ErrClosedPipe }

// RemoteError is an error in the peer's words: of a handler, of a receiver
// that refused a message, or of the peer's library. This library's own errors
// never are of this type.
type RemoteError struct {
	// Code tells apart what the text may not: the application's error, no such
	// method, a panic and so on. docs/wire.md lists the codes.
	Code uint16
	// Text is exactly what the peer said, 4 KiB of it at most.
	Text string
}

// Error returns Text.
func (e *RemoteError) Error() string { return e.Text }

var (
	_ error = (*CallError)(nil)
	_ error = (*StreamError)(nil)
	_ error = (*RemoteError)(nil)
)
