// Package conn owns the connection: the handshake, what is sent and in which
// order, what is received, whether the peer lives, and the end.
//
// # Session and transport
//
// A Conn is a session, and the net.Conn that carries it, its transport. The
// session is data: queues, positions, what the peer has not acknowledged, the
// parser; it has no goroutine, no clock and no socket. The Conn around it owns
// the reader, the flusher and the timers of one transport at a time. Where both
// sides agree on that in the handshake, a session survives its transport and
// goes on over another one (Conn.Resume, Incoming.Resume).
//
// # Life
//
// Client and Accept do the handshake as straight-line code, before any
// goroutine exists. Start begins the reader. From then on the life of a Conn
// is the table in state.go, drawn in docs/states.md.
//
// # Sending
//
// Whoever sends appends frames to one of three queues of pooled segments,
// under one short mutex, and returns. A flusher goroutine, which exists only
// while there is something to write, composes a batch from them and hands it
// to one system call. Composing decides the order; the segments in the order
// in which they were composed are what is kept until the peer has acknowledged
// it, where the session survives its transport.
//
// # Receiving
//
// One goroutine reads, cuts frames and hands them up with a method call. It
// never waits for anything but the socket, and never runs code of the user.
//
// # Concurrency
//
// All methods of a Conn may be called at once, by anybody, with locks of the
// layers above held, unless they say otherwise. Methods of the Handler are
// called without locks of this package.
package conn
