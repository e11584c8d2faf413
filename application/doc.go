// Package application gives each dialogue of a connection its stream: bytes,
// calls and messages. The stream with the id 1 is the End.
//
// New builds an End on a connection that has not started; the End is the
// multiplexer's owner, its streams are the receivers. What the peer sends is
// handled on the connection's reader, in HandleFrame and HandleBody: they take
// what arrived into a table or a queue and wake who waits for it. They never
// wait and never run user code. What must be answered there is noted and
// becomes a frame in Compose.
//
// Goroutines exist only for user code: one for each handler that runs, one for
// the callbacks of a stream while they run, one for each registration that the
// delegate is told of, one for each change of the connection that it is told of,
// one for ConnOffline, and one for each channel whose reader lags behind with
// asynchronous completions.
//
// Locks are taken in this order: Stream.mu, then the mutexes of sendCredit,
// serveQueue, bodyMemory, owed and publisher, then those of the layers below.
// End.mu and that of Publishers are never held with any of them, nor are those
// of two streams.
package application
