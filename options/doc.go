// Package options holds the options of single operations and the limits of a
// connection.
//
// Options are made by the constructor that is named after the operation,
// filled in by their setters and handed to it:
//
//	opts := options.Call()
//	opts.SetTimeout(3 * time.Second)
//	rsp, err := end.Call(ctx, "method", req, opts)
//
// An operation takes any number of them. Those that are nil are skipped, and
// of each field the last one that is set counts. The zero value of each type
// sets nothing.
//
// # Life and concurrency
//
// Operations only read their options: these may be used again, also by
// operations that run at the same time, but must not be changed meanwhile. They
// hold nothing that must be closed.
//
// # Errors
//
// Setters check nothing. What is not possible is the error of the operation
// that gets it; Limits.WithDefaults tells before.
package options
