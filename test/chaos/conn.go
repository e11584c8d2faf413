package chaos

import (
	"bytes"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// A Conn is one side of a connection in memory, buffered as sockets are. All
// methods may be called at once. Its errors are those of a *net.TCPConn: what
// is not io.EOF is a *net.OpError around net.ErrClosed, os.ErrDeadlineExceeded,
// ECONNRESET or EPIPE.
type Conn struct {
	link          *Link
	in, out       *flow
	local, remote Addr

	// The lock of link guards the following.
	closed        bool
	writing       bool // a Write is under way: writes do not mix
	reads, writes deadline
}

// Pipe returns the two sides of a new connection that follows the script.
func Pipe(script ...Step) (client, server *Conn) {
	return newLink(script, "client", "server")
}

// Link returns what lies between this side and the other.
func (c *Conn) Link() *Link { return c.link }

// Read waits for bytes. After the other side has ended its direction it returns
// the rest, then io.EOF.
func (c *Conn) Read(p []byte) (int, error) {
	c.link.lock()
	defer c.link.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, c.failed("read", net.ErrClosed)
		case c.reads.passed:
			return 0, c.failed("read", os.ErrDeadlineExceeded)
		case len(p) == 0:
			return 0, nil
		case !c.in.inbox.empty():
			n := c.in.take(p)
			c.link.advance(c.link.now) // there is room again
			return n, nil
		case c.in.end == io.EOF:
			return 0, io.EOF
		case c.in.end != nil:
			return 0, c.failed("read", c.in.end)
		}
		c.link.changed.Wait()
	}
}

// Write waits while the queue of this direction is full. What it took is
// delivered, the script permitting, also after Close.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.link.lock()
	defer c.link.mu.Unlock()
	// The turn is no mutex: a bubble of synctest does not count those as waiting.
	for c.writing {
		c.link.changed.Wait()
	}
	c.writing = true
	defer func() {
		c.writing = false
		c.link.changed.Broadcast()
	}()
	for {
		if err := c.writeError(); err != nil {
			return n, c.failed("write", err)
		}
		if len(p) == 0 {
			return n, nil
		}
		if room := min(c.out.room(), len(p)); room > 0 {
			c.out.queue.push(chunk{bytes: bytes.Clone(p[:room])})
			c.out.count.In += int64(room)
			c.link.advance(c.link.now)
			if n, p = n+room, p[room:]; len(p) == 0 {
				return n, nil
			}
			continue
		}
		c.link.changed.Wait()
	}
}

func (c *Conn) writeError() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.out.finished:
		return syscall.EPIPE
	case c.in.end == io.EOF && c.out.gone:
		return syscall.EPIPE // as once the other side has closed, and that has been heard
	case c.in.end != nil && c.in.end != io.EOF:
		return c.in.end
	case c.writes.passed:
		return os.ErrDeadlineExceeded
	}
	return nil
}

// failed is what TCP makes of an error.
func (c *Conn) failed(op string, err error) error {
	if no, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, no)
	}
	return &net.OpError{Op: op, Net: c.local.Network(), Source: c.local, Addr: c.remote, Err: err}
}

// CloseWrite ends this direction: the other side reads what was written, then
// io.EOF.
func (c *Conn) CloseWrite() error { return c.finish("close", io.EOF, false) }

// Close ends the connection for this side: the other one reads what was
// written, then io.EOF, and once it got there its writes fail.
func (c *Conn) Close() error { return c.finish("close", io.EOF, true) }

// Abort ends the connection as a RST does: what has not left is dropped, and
// the other side gets ECONNRESET after what has.
func (c *Conn) Abort() error { return c.finish("abort", syscall.ECONNRESET, true) }

// finish queues the end of this direction, and, if closing, takes leave of the
// other one. After the first close it fails.
func (c *Conn) finish(op string, end error, closing bool) error {
	l := c.link
	l.lock()
	defer l.mu.Unlock()
	if c.closed {
		return c.failed(op, net.ErrClosed)
	}
	if end == syscall.ECONNRESET {
		c.out.queue = fifo{}
		c.out.finished = false // a FIN that has left is followed by the RST
	}
	if !c.out.finished {
		c.out.finished = true
		c.out.queue.push(chunk{end: end})
	}
	if closing {
		c.closed = true
		c.in.gone, c.in.inbox = true, fifo{}
		c.reads.at, c.writes.at = time.Time{}, time.Time{}
		l.sideClosed()
	}
	l.advance(l.now)
	l.changed.Broadcast()
	return nil
}

// SetDeadline sets the deadlines of both directions.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadline(t, &c.reads, &c.writes) }

// SetReadDeadline sets when Read gives up; the zero time means never.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadline(t, &c.reads) }

// SetWriteDeadline sets when Write gives up; the zero time means never.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(t, &c.writes) }

func (c *Conn) setDeadline(t time.Time, ds ...*deadline) error {
	l := c.link
	l.lock()
	defer l.mu.Unlock()
	if c.closed {
		return c.failed("set", net.ErrClosed)
	}
	if !t.IsZero() {
		t = l.now.Add(t.Sub(l.now)) // on the monotonic clock
	}
	for _, d := range ds {
		*d = deadline{at: t}
	}
	l.advance(l.now)
	return nil
}

// LocalAddr returns the name of this side.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the name of the other side.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// A deadline is an event that wakes who waits.
type deadline struct {
	at     time.Time
	passed bool
}

func (d *deadline) due() time.Time {
	if d.passed {
		return time.Time{}
	}
	return d.at
}

func (d *deadline) happen(time.Time) { d.passed = true }

// Addr is the name of a side or of a listener.
type Addr string

// Network returns "chaos".
func (Addr) Network() string { return "chaos" }

// String returns the name.
func (a Addr) String() string { return string(a) }

var _ net.Conn = (*Conn)(nil)
