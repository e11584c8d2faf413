// Package multiplexer owns the dialogues of one connection: streams of bytes
// that share it without being able to stop each other.
//
// # Dialogues
//
// A Dialogue is a net.Conn but for its addresses. It has no goroutine: a Write
// takes credit and appends to the connection's queue, the connection's reader
// puts what arrives into the dialogue's buffer and wakes who waits. Its two
// halves end apart: CloseWrite finishes one, Close ends both.
//
// # Credit
//
// A peer sends only what it was given credit for, and credit is memory that is
// reserved: each stream has a window of its own, a part of which is
// guaranteed, the rest taken from the budget of the connection. Streams are
// opened by credit too. That is why the reader never waits: there is room for
// everything that may come.
//
// # Concurrency
//
// All methods may be called at once, unless they say otherwise. Locks are
// taken in this order: those of the layer above, a dialogue's, the
// multiplexer's, the connection's.
package multiplexer
