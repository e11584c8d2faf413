package pipe

import (
	"net"
	"sync/atomic"
)

// Counted is a connection that counts its bytes as they pass.
type Counted struct {
	net.Conn
	Received, Sent *atomic.Int64 // what Read returned, what Write took
}

// Read reads from the connection.
func (c Counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.Received.Add(int64(n))
	return n, err
}

// Write writes to the connection.
func (c Counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.Sent.Add(int64(n))
	return n, err
}

// CloseWrite ends what is written.
func (c Counted) CloseWrite() error { return closeWrite(c.Conn) }
