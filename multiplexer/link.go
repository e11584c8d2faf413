package multiplexer

import (
	"time"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

// A Link is the connection below. Its send mutex is the innermost lock of the
// library: all methods may be called with locks of the layers above held, and
// none blocks. All may be called concurrently.
type Link interface {
	// Client tells whether this side dialled; the client opens odd stream ids.
	Client() bool

	// RTT returns the lowest round trip of late, 0 while it is unknown.
	RTT() time.Duration

	// Append queues one frame whole: h, whose Length it fills in, then fields,
	// a and b, which it copies. mark is the number of bytes that have ever been
	// queued in class, this frame included.
	//
	// Without w the frame is queued whatever the queue holds; that is for what
	// is bounded by credit. With w, and while the queue of the class is full or
	// others wait for it, Append queues nothing and returns wait.ErrMustWait: w
	// then stands in line, and when it is woken the caller calls Append again
	// with the same frame, or Withdraw. Any other error says that the
	// connection takes nothing any more.
	Append(class packet.Class, h packet.Header, fields, a, b []byte, w *wait.Waiter) (mark uint64, err error)

	// AppendData queues one DATA frame with the first n bytes of p, as many as
	// fit its segment well (all, if p has at most 4 KiB), and FIN if fin is set
	// and the frame takes all of p. It waits, and returns the mark, as Append
	// does.
	AppendData(stream uint32, p []byte, fin bool, w *wait.Waiter) (n int, mark uint64, err error)

	// AppendEnd queues the END of stream: it leaves when everything that has
	// been queued so far has been composed.
	AppendEnd(stream uint32)

	// Withdraw takes w out of the line it stands in, if any.
	Withdraw(w *wait.Waiter)

	// Composed tells whether the bytes of class up to mark were handed to a
	// connection. Before that, nobody but us has seen any of them.
	Composed(class packet.Class, mark uint64) bool

	// AwaitComposed is Composed, and where that is false has w woken when it
	// has become true or the connection has ended. It is true, too, when the
	// connection takes nothing any more.
	AwaitComposed(class packet.Class, mark uint64, w *wait.Waiter) bool

	// Kick makes the flusher call Compose of the layer above soon: a state bit
	// was set that must become a frame.
	Kick()

	// Pinned returns how many bytes of receive buffers the layers above keep
	// from being used again.
	Pinned() int

	// Shutdown queues CLOSE, after all that has been queued. The code and the
	// text tell the peer why.
	Shutdown(code uint16, text string)

	// Offline queues CLOSED, after all that has been queued: everything that
	// had to be done here because the peer closed has been done.
	Offline()
}

// An Owner is the layer above the multiplexer. Its methods never block and
// never run user code.
type Owner interface {
	// NewDialogue returns what d's frames are handed to. It is called once for
	// each dialogue, before it can receive anything: on the reader for one that
	// the peer opened, else on the goroutine of Open. d has no id yet.
	NewDialogue(d *Dialogue) Receiver

	// HandleOpen says that the peer opened d. The owner answers, from any
	// goroutine, with d.Accept or d.Refuse. Called on the reader, in the order
	// in which the peer opened.
	HandleOpen(d *Dialogue)

	// HandleFrame takes the frames of stream 0 that are not the multiplexer's,
	// METHOD_DEF, CREDIT_CALL, BLOCKED for calls, and REQUEST and RESPONSE of
	// streams that are gone, whose credit is the connection's. payload is valid until it
	// returns. An error ends the connection. Called on the reader.
	HandleFrame(h packet.Header, payload []byte) error

	// EndBatch says that everything which came with one read was handed up.
	// Called on the reader.
	EndBatch()

	// Compose appends the frames that state bits owe. It is called by the
	// flusher before it composes a batch, with no lock held.
	Compose()

	// HandleClose says that the peer has closed the connection; every dialogue
	// is over. The owner calls Link.Offline when its own farewells are said.
	// Called on the reader.
	HandleClose(code uint16, text string)

	// HandleClosed says that the connection has ended, for good: in order if
	// err is nil. Nothing is called after it. Every dialogue is over.
	HandleClosed(err error)
}

// A Receiver takes what arrives on one dialogue and is not bytes. Its methods
// are called on the reader, but for HandleOver, and neither block nor run user
// code.
type Receiver interface {
	// HandleFrame takes one frame whole; payload is valid until it returns. An
	// error ends the connection.
	HandleFrame(h packet.Header, payload []byte) error

	// HandleBody takes a part of the body that was announced under kind and id;
	// part is valid until it returns. last is set with the last bytes of it.
	HandleBody(kind uint8, id uint64, part []byte, last bool) error

	// HandleOver says, once, that the dialogue is over and why. It is called on
	// the goroutine that ended it, with no lock held. What was received before
	// stays with the receiver.
	HandleOver(why Ending)
}

// An Ending says how a dialogue came to its end.
type Ending uint8

const (
	// ClosedHere: Close was called on this side.
	ClosedHere Ending = iota + 1
	// ClosedByPeer: the peer closed the stream, or the whole connection, in
	// order, or it stopped or refused the stream.
	ClosedByPeer
	// Lost: the connection ended without a farewell.
	Lost
)
