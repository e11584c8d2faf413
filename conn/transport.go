package conn

import (
	"net"
	"syscall"
	"time"
)

// A transport carries a session for a time.
type transport struct {
	net.Conn
	raw     syscall.RawConn // nil where the system has no such thing
	gathers bool            // the system takes many pieces in one write
	gone    chan struct{}   // closed when nobody reads or writes it any more
	linger  *time.Timer     // ends it after a failed write; the connection's mutex guards it
}

func newTransport(nc net.Conn) *transport {
	t := &transport{Conn: nc, raw: rawConn(nc), gone: make(chan struct{})}
	switch nc.(type) { // these very types: what wraps them may have a Write of its own
	case *net.TCPConn, *net.UnixConn:
		t.gathers = true
	}
	return t
}

// write hands the batch to the transport.
func (t *transport) write(b *batch) error {
	b.vectors = b.vectors[:0]
	if len(b.uncounted) > 0 {
		b.vectors = append(b.vectors, b.uncounted)
	}
	for _, p := range b.pieces {
		b.vectors = append(b.vectors, p.bytes())
	}
	if !t.gathers {
		return t.writeJoined(b)
	}
	if len(b.vectors) == 1 {
		_, err := t.Conn.Write(b.vectors[0])
		return err
	}
	b.left = b.vectors
	_, err := b.left.WriteTo(t.Conn)
	return err
}

// writeJoined writes to a transport that takes one buffer at a time: small
// neighbours are copied together, large pieces go as they lie.
func (t *transport) writeJoined(b *batch) error {
	b.joined = b.joined[:0]
	send := func(p []byte) error {
		if len(p) == 0 {
			return nil
		}
		_, err := t.Conn.Write(p)
		return err
	}
	for i, v := range b.vectors {
		last := i == len(b.vectors)-1
		if len(v) < copyBelow && !(last && len(b.joined) == 0) {
			b.joined = append(b.joined, v...)
			continue
		}
		if err := send(b.joined); err != nil {
			return err
		}
		b.joined = b.joined[:0]
		if err := send(v); err != nil {
			return err
		}
	}
	err := send(b.joined)
	if cap(b.joined) > copyBelow {
		b.joined = nil
	}
	return err
}
