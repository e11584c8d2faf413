// Package geminio holds what both sides of a connection are programmed
// against: the interfaces of an End and its streams, the values they exchange,
// and their errors.
//
// One connection between two processes (TCP, TLS, Unix or in memory) becomes
// one End on each side. An End is a net.Conn, a net.Listener, a multiplexer of
// streams, an RPC endpoint and a messager, and both Ends can do the same:
//
//	// package server
//	ln, err := server.Listen("tcp", "127.0.0.1:2202")
//	end, err := ln.AcceptEnd()
//	err = end.Register(ctx, "echo", func(ctx context.Context, req geminio.Request, rsp geminio.Response) {
//		rsp.SetData(req.Data())
//	})
//
//	// package client
//	end, err := client.NewEnd("tcp", "127.0.0.1:2202")
//	rsp, err := end.Call(ctx, "echo", end.NewRequest([]byte("hello")))
//
// Package client makes the Ends of those who dial, package server of those who
// listen. docs/usage.md shows how, task by task.
//
// # Life
//
// An End lives from its constructor until Close on either side, or until its
// session is lost. A session is the End's life beyond one connection: where
// both sides keep sessions (a RetryEnd of package client with a listener of
// package server), streams, calls and messages go on over the next connection,
// with nothing lost and nothing twice. Elsewhere the session ends with the
// connection.
//
// # Concurrency
//
// All methods of an End and of a stream may be called concurrently, from
// callbacks and handlers too. Handlers and callbacks may block: they never run
// where the connection is read, and how many run at once is bounded
// (options.Limits). What is received belongs to the receiver. What is sent may
// be changed once the method that sent it has returned.
//
// # Errors
//
// The errors that this package exports are listed with the operations that
// return them; the table is above the first of them.
package geminio
