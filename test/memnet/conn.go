package memnet

import (
	"net"
	"sync"
	"time"
)

// BufferSize is how many bytes one direction of a connection holds before
// Write waits.
const BufferSize = 256 << 10

// A Conn is one side of a connection. All methods may be called concurrently.
type Conn struct {
	in, out *half
	close   sync.Once
}

// Pipe returns the two sides of a new connection.
func Pipe() (a, b *Conn) {
	ab, ba := newHalf(), newHalf()
	return &Conn{in: ba, out: ab}, &Conn{in: ab, out: ba}
}

// Read waits for bytes. After the peer closed it returns the rest, then io.EOF.
func (c *Conn) Read(p []byte) (int, error) { return c.in.read(p) }

// Write waits while the buffer of this direction is full. After the peer
// closed it returns io.ErrClosedPipe.
func (c *Conn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close closes this side. What was written before is delivered, faults
// permitting.
func (c *Conn) Close() error {
	c.close.Do(func() {
		c.out.closeWrite()
		c.in.closeRead()
	})
	return nil
}

// CloseWrite ends the bytes of this direction.
func (c *Conn) CloseWrite() error {
	c.out.closeWrite()
	return nil
}

// Break ends the connection for both sides as a reset does: what is under way
// is dropped, and reads and writes return err.
func (c *Conn) Break(err error) {
	c.in.fail(err)
	c.out.fail(err)
}

// Stall stops or resumes the delivery of what this side writes: while it is
// stopped the peer hears nothing, not even that this side closed.
func (c *Conn) Stall(stop bool) { c.out.stall(stop) }

// Delay makes what this side writes from now on arrive d later.
func (c *Conn) Delay(d time.Duration) { c.out.setDelay(d) }

// Buffered returns how many bytes this side has written that the peer has not
// read.
func (c *Conn) Buffered() int { return c.out.buffered() }

// SetDeadline sets the deadlines of both directions.
func (c *Conn) SetDeadline(t time.Time) error {
	c.in.reads.set(t)
	c.out.writes.set(t)
	return nil
}

// SetReadDeadline sets when Read gives up; the zero time means never.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.reads.set(t)
	return nil
}

// SetWriteDeadline sets when Write gives up; the zero time means never.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.writes.set(t)
	return nil
}

// LocalAddr returns the address of the memory.
func (c *Conn) LocalAddr() net.Addr { return Addr{} }

// RemoteAddr returns the address of the memory.
func (c *Conn) RemoteAddr() net.Addr { return Addr{} }

// Addr is the address of every connection and listener.
type Addr struct{}

// Network returns "memory".
func (Addr) Network() string { return "memory" }

// String returns "memory".
func (Addr) String() string { return "memory" }

var _ net.Conn = (*Conn)(nil)
