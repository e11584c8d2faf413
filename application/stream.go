package application

import (
	"io"
	"net"
	"sync"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/multiplexer"
)

// A Stream is one dialogue with its calls and messages. Its bytes are the
// dialogue's own. All methods may be called concurrently.
type Stream struct {
	*multiplexer.Dialogue

	// immutable
	end *End

	mu sync.Mutex
	// mu guards
	over   multiplexer.Ending // 0 while it lives
	phase  phase              // of its callbacks
	listed bool               // it shows in ListStreams
	calls  *calls             // nil before the first use
	in     *inbox             // nil before the first use
	out    *outbox            // nil before the first use
}

var (
	_ geminio.Stream       = (*Stream)(nil)
	_ geminio.CloseWriter  = (*Stream)(nil)
	_ geminio.CloseReader  = (*Stream)(nil)
	_ io.WriterTo          = (*Stream)(nil)
	_ io.ReaderFrom        = (*Stream)(nil)
	_ multiplexer.Receiver = (*Stream)(nil)
)

// defaultID is the id of the stream that is the End.
const defaultID = 1

func (s *Stream) isDefault() bool { return s.StreamID() == defaultID }

// ClientID returns the id of the client, the same on both sides.
func (s *Stream) ClientID() uint64 { return s.end.cfg.ClientID }

// Meta returns what the opener gave; of the default stream, what the client
// gave. The caller must not change it.
func (s *Stream) Meta() []byte {
	if s.isDefault() {
		return s.end.cfg.Meta
	}
	return s.Dialogue.Meta()
}

// LocalAddr returns the address of this side of the connection.
func (s *Stream) LocalAddr() net.Addr { return s.end.conn.LocalAddr() }

// RemoteAddr returns the address of the other side of the connection.
func (s *Stream) RemoteAddr() net.Addr { return s.end.conn.RemoteAddr() }

// cause returns the error that tells why the stream is over. mu is held, or
// the stream is over.
func (s *Stream) cause() error {
	switch s.over {
	case multiplexer.ClosedHere:
		return net.ErrClosed
	case multiplexer.ClosedByPeer:
		return &geminio.StreamError{Remote: true}
	default:
		return geminio.ErrSessionLost
	}
}

// ended returns the error of an exchange that the end of the stream has
// stopped. The stream is over, so nothing of x changes any more. What is queued
// when this side closes is still sent; after a loss nothing is, and a peer that
// has closed takes nothing that comes later.
func (s *Stream) ended(x *exchange) error {
	maybe := x.mark != 0 && (s.over == multiplexer.ClosedHere || s.end.conn.Composed(x.class, x.mark))
	return &geminio.CallError{Err: s.cause(), MaybeExecuted: maybe}
}

// awaitHalt waits until x is halted: its connection takes nothing any
// more, which ends every stream.
func (s *Stream) awaitHalt(x *exchange) {
	for !s.isHalted(x) {
		<-x.w.C
	}
}

// HandleOver ends what is in flight. What was received stays for Receive.
func (s *Stream) HandleOver(why multiplexer.Ending) {
	s.wrapUp(why)
	s.offline()
}

// wrapUp is HandleOver without callbacks: a refused stream has none.
func (s *Stream) wrapUp(why multiplexer.Ending) {
	s.mu.Lock()
	if s.over != 0 {
		s.mu.Unlock()
		return
	}
	s.over = why
	left := s.dropCalls()
	s.dropPublications(&left)
	s.closeInbox()
	s.mu.Unlock()
	s.settle(left)
}
