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
// of each field the last one that is set counts. Options are only read: they
// may be used again, also by operations that run at the same time, but must
// not be changed meanwhile. The zero value of each type sets nothing.
package options
