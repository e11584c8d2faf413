package conn

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
)

var (
	// ErrDead is why a connection was lost whose peer was silent for two beats
	// and five seconds.
	ErrDead = errors.New("peer is silent")

	// ErrReplaced is why a connection was lost that gave way to a newer one of
	// the same client.
	ErrReplaced = errors.New("replaced by a newer connection")

	// ErrStalled is why a connection was lost that was closed here and whose
	// peer took nothing for ten seconds.
	ErrStalled = errors.New("peer takes nothing")

	// ErrGrace is why a session was lost that nothing carried for the time of
	// its grace.
	ErrGrace = errors.New("no connection came back in time")

	// ErrUnknown is why a session was lost, on the client, that the server does
	// not know, or will not go on with.
	ErrUnknown = errors.New("the server does not know the session")

	// ErrEvicted is why a session was lost, on the server, that nothing carried
	// when there were too many of them.
	ErrEvicted = errors.New("too many sessions wait for their clients")

	// ErrStuck is why a session was lost that was resumed again and again
	// without anything moving.
	ErrStuck = errors.New("session makes no progress")

	errClosed   = errors.New("connection closed")
	errUnbound  = errors.New("session is bound to TLS, which this transport does not show")
	errDeclined = errors.New("session cannot be resumed now")
	errFenced   = errors.New("the client came back over another connection")
	errOverrun  = errors.New("peer takes without acknowledging")
	errReplay   = protocolError("a frame that was cut comes again as another one")
)

// A ProtocolError says which rule of docs/wire.md the peer broke. It ends the
// connection.
type ProtocolError struct{ Reason string }

// Error returns the rule.
func (e *ProtocolError) Error() string { return "protocol error: " + e.Reason }

func protocolError(format string, args ...any) error {
	return &ProtocolError{fmt.Sprintf(format, args...)}
}

// LostError is what HandleClosed is given when the connection was lost. It is
// a geminio.ErrSessionLost, and unwraps to the cause. It is never io.EOF,
// net.ErrClosed or io.ErrClosedPipe, whatever the transport said: to programs
// these mean an orderly end.
type LostError struct{ Cause error }

// Error tells that the session is lost, and why.
func (e *LostError) Error() string { return geminio.ErrSessionLost.Error() + ": " + e.Cause.Error() }

// Unwrap returns ErrSessionLost and the cause, unless that would be mistaken.
func (e *LostError) Unwrap() []error {
	for _, orderly := range []error{io.EOF, net.ErrClosed, io.ErrClosedPipe} {
		if errors.Is(e.Cause, orderly) {
			return []error{geminio.ErrSessionLost}
		}
	}
	return []error{geminio.ErrSessionLost, e.Cause}
}

// refusal is the error that stands for a refused handshake on the client.
func refusal(code packet.Code, text string) error {
	if code == packet.CodeIDInUse {
		return geminio.ErrClientIDInUse
	}
	return &geminio.RemoteError{Code: uint16(code), Text: text}
}
