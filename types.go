package geminio

import "context"

// RPC handles the requests of one method, each on a goroutine of its own. Its
// context has the caller's deadline and is cancelled when the caller gives up
// or the stream or session ends. A panic becomes the caller's error.
type RPC func(ctx context.Context, req Request, rsp Response)

// HijackRPC handles requests of any method. It runs as RPC does.
type HijackRPC func(ctx context.Context, method string, req Request, rsp Response)

// MethodRPC is a method with its handler, to be registered by a constructor.
type MethodRPC struct {
	Method string // its name, of 1 KiB at most
	RPC    RPC    // what serves it
}

// Call is a call made by CallAsync. Response and Error are written before it is
// delivered, and may be read by whoever received it from Done.
type Call struct {
	Method   string     // as given to CallAsync
	Request  Request    // as given to CallAsync
	Response Response   // nil if Error is not
	Error    error      // what Call would have returned
	Done     chan *Call // where it is delivered
}

// Publish is a publication made by PublishAsync. Error is written before it is
// delivered, and may be read by whoever received it from Done.
type Publish struct {
	Message Message       // as given to PublishAsync
	Error   error         // what Publish would have returned
	Done    chan *Publish // where it is delivered
}

// Side tells who opened a stream.
type Side int

const (
	// InitiatorSide is the side that opened the stream; of an End, the client.
	InitiatorSide Side = 0
	// RecipientSide is the side that accepted the stream; of an End, the
	// server.
	RecipientSide Side = 1
)
