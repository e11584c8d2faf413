package geminio

import (
	"context"
	"net"
	"time"

	"github.com/singchia/geminio/options"
)

// End is one side of a connection between two processes. It is a stream (the
// default stream, whose id is 1), it opens and accepts further streams, and as
// a net.Listener it hands out the accepted ones as net.Conn. Both sides are the
// same: either may open, call, register, publish and receive.
//
// All methods may be called concurrently, from callbacks and handlers as well.
// An End is a pointer that can be compared. ClientID, Meta, LocalAddr and
// RemoteAddr keep working after Close.
type End interface {
	// Stream is the default stream. What is registered and hijacked on it
	// holds for it alone, not for the streams opened beside it.
	Stream
	// Multiplexer opens and accepts further streams.
	Multiplexer
	// Listener is AcceptStream for those who want a net.Conn: Accept waits for
	// the next stream that the peer opens and returns io.EOF after the End has
	// ended; Addr is LocalAddr.
	net.Listener

	// Close closes the End, all its streams and its connection. What was
	// written and published before is committed first. Close then waits until
	// the peer has run its ConnOffline, for at most 2 s beyond the last byte
	// that the peer took, and returns within 5 s whatever the peer does. It
	// waits neither for running handlers nor for the ConnOffline of its own
	// side. It may be called any number of times and returns nil.
	Close() error
}

// Stream is one of the streams of an End: a net.Conn that also carries calls
// and messages of its own. All methods may be called concurrently. A stream
// that is not used costs no goroutine.
type Stream interface {
	// RawRPCMessager is what a stream carries: bytes, calls and messages.
	RawRPCMessager

	// StreamID returns the stream's id, the same on both sides and never given
	// to another stream of the End. The default stream's is 1.
	StreamID() uint64

	// ClientID returns the id of the client, the same on both sides.
	ClientID() uint64

	// Meta returns what the opener gave as meta; on the default stream, what
	// the client gave. The caller must not change it.
	Meta() []byte

	// Side tells who opened the stream: InitiatorSide where it was opened,
	// RecipientSide where it was accepted. The default stream counts as opened
	// by the client.
	Side() Side

	// Peer returns the name that the opener gave with
	// options.OpenStreamOptions.SetPeer.
	Peer() string
}

// CloseWriter is implemented by every Stream and End. It is found by type
// assertion, as on a *net.TCPConn.
type CloseWriter interface {
	// CloseWrite ends the bytes of this direction: the peer reads what was
	// written, then io.EOF. Reading, calls and messages go on. It does not
	// block and may be called again. After Close it returns net.ErrClosed,
	// after the peer closed a *StreamError, after the session was lost
	// ErrSessionLost.
	CloseWrite() error
}

// CloseReader is implemented by every Stream and End. It is found by type
// assertion, as on a *net.TCPConn.
type CloseReader interface {
	// CloseRead ends the bytes of the other direction: what has arrived and
	// what still arrives is dropped, Read returns io.EOF, and the peer's Write
	// returns a *StreamError. Writing, calls and messages go on. It does not
	// block and may be called again. After Close it returns net.ErrClosed.
	CloseRead() error
}

// Redelivered is implemented by the messages that Receive returns. It is found
// by type assertion.
type Redelivered interface {
	// Redelivered tells that the message was published before, over a session
	// that was lost before the publisher learnt the outcome: this application
	// may have seen it already. One that is published effectively once it has
	// not seen.
	Redelivered() bool
}

// RawRPCMessager is what every stream carries: bytes, calls and messages. They
// share the connection, not their credit: bytes that nobody reads stop neither
// calls nor messages, and messages that nobody receives stop no calls.
type RawRPCMessager interface {
	Raw
	RPCer
	Messager
}

// Raw is the byte stream: a net.Conn to the letter. Deadlines also hold for
// calls of Read and Write that already wait, and end them with
// os.ErrDeadlineExceeded.
//
// Read waits for bytes. It may return those of several writes together, and
// io.EOF after all that the peer wrote before it closed.
//
// Write copies p and waits while the peer does not take it. A write of any
// size succeeds, and concurrent ones do not mix. One of at most 4 KiB is given
// to a Read whole if its buffer has room. A write of no bytes does nothing.
//
// Close delivers what was written before, in the background: it returns at
// once, and nil, also when called again. The peer's side of the stream ends
// too: its Read returns the rest and io.EOF, its Write fails. On an End, Close
// is that of End.
//
// Streams and Ends implement io.WriterTo, io.ReaderFrom, CloseWriter and
// CloseReader as well.
type Raw net.Conn

// Multiplexer opens and accepts streams. All methods may be called
// concurrently.
type Multiplexer interface {
	// OpenStream opens a stream and returns when the peer has answered: where
	// the peer set an AcceptStreamFunc, after that function has returned. It
	// waits at most 30 s, then it returns ErrTimeout. While the peer allows no
	// more streams it waits within this time too. An error of the peer's
	// DialogueOnline is returned as a *RemoteError. After the End has ended it
	// returns io.EOF.
	//
	// With SetWait(false) in its options it does not wait for the answer. With
	// more meta than a stream may have it returns packet.ErrPacketTooLarge.
	OpenStream(opts ...*options.OpenStreamOptions) (Stream, error)

	// AcceptStream waits for the next stream that the peer opened, in the
	// order in which they were opened. After the End has ended it returns the
	// streams that are queued, then io.EOF. Where an AcceptStreamFunc is set
	// it fails at once.
	AcceptStream() (Stream, error)

	// ListStreams returns the default stream and the opened and accepted
	// streams that are not closed, in no particular order.
	ListStreams() []Stream
}

// RPCer makes and serves calls. Methods belong to one stream: what the peer
// registered on its End can be called on the End, what it registered on a
// stream on this stream. All methods may be called concurrently.
type RPCer interface {
	// NewRequest returns a request with data for a call on this stream. Data
	// is not copied: it must not be changed before the call that sends it has
	// returned.
	NewRequest(data []byte, opts ...*options.NewRequestOptions) Request

	// Call calls the peer's method and waits for its response, as long as ctx
	// and the timeout (of opts, else of req; 0 means none) allow. The time
	// left travels with the request, and the handler's context ends with it.
	//
	// Call returns ctx.Err() when ctx ends and ErrTimeout when the timeout
	// does; the handler is then cancelled. It returns a *RemoteError with
	// exactly the handler's text when the handler set an error or panicked and
	// when the peer has no such method; ErrBusy when the peer did not start
	// the handler; a *CallError when the stream, the End or the session ended
	// while the call was in flight; packet.ErrPacketTooLarge, before anything
	// is sent, for data and custom of more than 10 MiB together (or less, if
	// the peer limits them) and for a method of more than 1 KiB; io.EOF when
	// the stream has ended before. With an error the Response is nil. A call is
	// never executed twice.
	//
	// A request may be used again, also for calls at the same time.
	Call(ctx context.Context, method string, req Request, opts ...*options.CallOptions) (Response, error)

	// CallAsync is Call that does not wait for the response: the returned Call
	// is delivered once, with Response or Error set, to ch, or to its own Done
	// (with room for one) if ch is nil. It waits only for room to send, as
	// long as ctx and the timeout allow. An error of CallAsync itself means
	// that nothing was sent and nothing will be delivered.
	//
	// A channel that is full delays its own deliveries alone, which keep their
	// order. What nobody takes from it within 5 s after the End has ended is
	// dropped.
	CallAsync(ctx context.Context, method string, req Request, ch chan *Call, opts ...*options.CallOptions) (*Call, error)

	// Register serves method with rpc on this stream and returns when the peer
	// knows, its RemoteRegistration having returned. The handler may run
	// before that. A later registration of the same method replaces it. When
	// ctx ends first, or the peer refuses (ErrTooManyRegistrations), what was
	// registered before is in force again and the error is returned. After the
	// stream has ended Register returns io.EOF; for a method of more than 1 KiB
	// packet.ErrPacketTooLarge.
	//
	// Each request runs rpc on a goroutine of its own.
	Register(ctx context.Context, method string, rpc RPC) error

	// Hijack serves with rpc the requests of this stream that opts choose,
	// registered or not; without a pattern, all of them. A later Hijack
	// replaces an earlier one. It tells the peer nothing and does not block.
	// It returns the error of a pattern that is no regular expression.
	Hijack(rpc HijackRPC, opts ...*options.HijackOptions) error
}

// Messager publishes and receives messages. All methods may be called
// concurrently.
type Messager interface {
	// NewMessage returns a message with data to publish on this stream. Data
	// is not copied: it must not be changed before the Publish that sends it
	// has returned.
	NewMessage(data []byte, opts ...*options.NewMessageOptions) Message

	// Publish sends msg. At most once (options.CnssAtMostOnce), it returns nil
	// when the message was committed to the connection. Else it waits for the
	// receiving application, as long as ctx and the timeout (of opts, else of
	// msg; 0 means none) allow, and returns nil if and only if that called
	// Done.
	//
	// It returns a *RemoteError with exactly the text that the receiver gave to
	// Error; ctx.Err() or ErrTimeout, after which the outcome is unknown; a
	// *CallError when the stream, the End or the session ended meanwhile, whose
	// MaybeExecuted tells an unknown outcome from "not delivered";
	// packet.ErrPacketTooLarge, before anything is sent, for data and custom of
	// more than 10 MiB together (or less, if the peer limits them) and for a
	// topic of more than 1 KiB; io.EOF when the stream has ended before.
	//
	// Messages that one goroutine publishes on a stream are received in that
	// order. While the receiver lags behind, Publish waits for room.
	Publish(ctx context.Context, msg Message, opts ...*options.PublishOptions) error

	// PublishAsync is Publish that does not wait for the outcome: the returned
	// Publish is delivered once to ch, or to its own Done (with room for one)
	// if ch is nil. As for CallAsync, it waits only for room to send, and an
	// error means that nothing was sent and nothing will be delivered.
	PublishAsync(ctx context.Context, msg Message, ch chan *Publish, opts ...*options.PublishOptions) (*Publish, error)

	// Receive waits for the next message of this stream, or returns ctx.Err().
	// After the stream has ended it returns the messages that have arrived,
	// then io.EOF. The receiver must answer each with Done or Error: the
	// publisher waits for it.
	Receive(ctx context.Context) (Message, error)
}

// Request is what a call sends. On the calling side it is made by NewRequest;
// a handler gets it with what the caller set. The setters must not be called
// while the request is being sent.
type Request interface {
	// ID returns the id that NewRequest gave; it is for logs, calls do not
	// depend on it.
	ID() uint64
	// StreamID returns the id of the stream.
	StreamID() uint64
	// ClientID returns the id of the client.
	ClientID() uint64
	// Method returns the method called, empty before the call.
	Method() string
	// Timeout returns how long the call may take: what was set on the calling
	// side, what was left of it in the handler, 0 for no limit.
	Timeout() time.Duration
	// Data returns the payload; in a handler it belongs to the handler.
	Data() []byte
	// Custom returns the bytes that travel beside Data; in a handler they
	// belong to the handler.
	Custom() []byte

	// SetTimeout limits how long the call may take, 0 for no limit. The
	// timeout of the call's options goes before it.
	SetTimeout(timeout time.Duration)
	// SetCustom sets the bytes that travel beside Data. They are not copied.
	SetCustom(custom []byte)
	// SetClientID sets what ClientID returns. A call fails where it is not the
	// End's; in a handler it has no effect on the answer.
	SetClientID(clientID uint64)
	// SetStreamID sets what StreamID returns. A call fails where it is not the
	// stream's; in a handler it has no effect on the answer.
	SetStreamID(streamID uint64)
}

// Response is what a call returns. A handler fills it in; it is sent when the
// handler has returned.
type Response interface {
	// ID returns the id of the request.
	ID() uint64
	// StreamID returns the id of the stream.
	StreamID() uint64
	// ClientID returns the id of the client.
	ClientID() uint64
	// Method returns the method called.
	Method() string
	// Data returns the payload. On the calling side it belongs to the caller.
	Data() []byte
	// Error returns what SetError set. On the calling side it is nil, since
	// Call returns the error.
	Error() error
	// Custom returns the bytes that travel beside Data. On the calling side
	// they belong to the caller.
	Custom() []byte

	// SetData sets the payload. It is not copied and must not be changed
	// before it is sent. With data and custom of more than 10 MiB together (or
	// less, if the caller's side limits them) the call fails with a
	// *RemoteError.
	SetData(data []byte)
	// SetError makes the call fail with exactly the text of err, also an empty
	// one, of which the first 4 KiB travel; nil means success.
	SetError(err error)
	// SetCustom sets the bytes that travel beside Data. They are not copied.
	SetCustom(custom []byte)
	// SetClientID sets what ClientID returns; it has no effect on the answer.
	SetClientID(clientID uint64)
	// SetStreamID sets what StreamID returns; it has no effect on the answer.
	SetStreamID(streamID uint64)
}

// Message is what is published and received. On the publishing side it is made
// by NewMessage and may be changed and published again when Publish has
// returned.
type Message interface {
	// Done tells the publisher that this application has taken the message
	// over: its Publish returns nil. It may be called later, from any goroutine,
	// and again, and does not block. It returns ErrAlreadyAcked after Error, and
	// io.EOF when the stream has ended; but for a message that a RetryEnd
	// published effectively once, the verdict is kept then, and told to the
	// publisher's next session.
	Done() error
	// Error tells the publisher that this application refuses the message: its
	// Publish returns an error with exactly the text of err, of which the first
	// 4 KiB travel. Error(nil) is Done.
	// It may be called as Done may; after Done it returns ErrAlreadyAcked.
	Error(err error) error

	// ID returns the id that NewMessage gave, the same on both sides.
	ID() uint64
	// StreamID returns the id of the stream.
	StreamID() uint64
	// ClientID returns the id of the client.
	ClientID() uint64
	// Timeout returns how long the publication may take: what was set on the
	// publishing side, what was left of it at the receiver, 0 for no limit.
	Timeout() time.Duration
	// Topic returns the topic.
	Topic() string
	// Cnss returns the delivery that the publisher asked for.
	Cnss() options.Cnss
	// Data returns the payload; a received one belongs to the receiver.
	Data() []byte
	// Custom returns the bytes that travel beside Data; received ones belong
	// to the receiver.
	Custom() []byte

	// SetTimeout limits how long the publication may take, 0 for no limit. The
	// timeout of its options goes before it.
	SetTimeout(timeout time.Duration)
	// SetCustom sets the bytes that travel beside Data. They are not copied.
	SetCustom(custom []byte)
	// SetTopic sets the topic, of 1 KiB at most.
	SetTopic(topic string)
	// SetClientID sets what ClientID returns. It has no effect on Done and Error.
	SetClientID(clientID uint64)
	// SetStreamID sets what StreamID returns. It has no effect on Done and Error.
	SetStreamID(streamID uint64)
}
