package packet

// Code says how an exchange ended. A code that a receiver does not know means
// the same as CodeError.
type Code uint16

const (
	CodeOK           Code = iota // done
	CodeError                    // the application's own error; its text goes with it
	CodeNoSuchMethod             // nobody serves the method on this stream
	CodePanic                    // the handler panicked
	CodeBusy                     // not begun for want of room; may be tried again
	CodeTooLarge                 // larger than the receiver takes
	CodeCancelled                // the caller or the reader has no use for it any more
	CodeExpired                  // its time was over
	CodeRefused                  // the stream, registration or connection is refused; text
	CodeClosed                   // closed in order
	CodeReplaced                 // a newer connection took the place of this one
	CodeProtocol                 // the peer broke a rule; text
	CodeIDInUse                  // the client id that was asked for belongs to another connection
)

var codeNames = [...]string{
	"ok", "error", "no such method", "panic", "busy", "too large", "cancelled",
	"expired", "refused", "closed", "replaced", "protocol error", "client id in use",
}

// String returns the name of the code.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return "unknown code"
}
