// Package pipe joins two connections.
package pipe

import (
	"errors"
	"io"
	"net"
)

// Join copies both ways between two connections until both directions have
// ended, and closes them. The end of one direction is passed on as the end of
// that direction alone. An error aborts both: a TCP connection is reset, so
// that nobody takes a part for the whole. It returns the first error.
func Join(a, b net.Conn) error {
	ended := make(chan error, 2)
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		go func() {
			_, err := io.Copy(way[0], way[1])
			if err == nil {
				err = closeWrite(way[0])
			}
			if err != nil {
				abort(a)
				abort(b)
			}
			ended <- err
		}()
	}
	first, second := <-ended, <-ended
	a.Close()
	b.Close()
	if first == nil {
		return second
	}
	return first
}

// Refuse closes a connection so that its peer sees a clean end, whatever it has
// sent: a socket that is closed with bytes unread is reset. The deadline of the
// connection limits the time that it takes to read them.
func Refuse(c net.Conn) {
	if closeWrite(c) == nil {
		_, _ = io.CopyN(io.Discard, c, 1<<20)
	}
	c.Close()
}

func closeWrite(c net.Conn) error {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// abort closes a connection so that the other side sees no orderly end, if it
// is one of TCP or a Stream.
func abort(c net.Conn) {
	switch c := c.(type) {
	case Counted:
		abort(c.Conn)
	case Stream:
		_ = c.Abort()
	case *net.TCPConn:
		_ = c.SetLinger(0)
		c.Close()
	default:
		c.Close()
	}
}
