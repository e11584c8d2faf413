package chaos

import (
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// A carrier makes the connections of a Listener or of a Proxy, and knows them.
type carrier struct {
	script func(n int) Script

	mu    sync.Mutex
	asked int // connections asked for, the refused ones too
	links []*Link
}

// next returns the number and the script of the next connection, and whether
// it is refused.
func (c *carrier) next() (n int, script Script, refused bool) {
	c.mu.Lock()
	n = c.asked
	c.asked++
	c.mu.Unlock()
	if c.script != nil {
		script = c.script(n)
	}
	return n, script, script.refuses()
}

func (c *carrier) connect(n int, script Script, server Addr) (near, far *Conn) {
	near, far = newLink(script, Addr("client "+strconv.Itoa(n)), server)
	c.mu.Lock()
	c.links = append(c.links, near.link)
	c.mu.Unlock()
	return near, far
}

// Links returns the connections that were made, those that have ended too, in
// their order.
func (c *carrier) Links() []*Link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*Link(nil), c.links...)
}

// Inject brings a fault to a direction of every connection now.
func (c *carrier) Inject(d Direction, fault Fault) {
	for _, l := range c.Links() {
		l.Inject(d, fault)
	}
}

// Stats returns the sums of the counters of all connections.
func (c *carrier) Stats() (sum Stats) {
	for _, l := range c.Links() {
		s := l.Stats()
		sum.Up.In += s.Up.In
		sum.Up.Out += s.Up.Out
		sum.Down.In += s.Down.In
		sum.Down.Out += s.Down.Out
		sum.Cuts += s.Cuts
	}
	return sum
}

// A Listener accepts in memory the connections that its Dial makes. All methods
// may be called at once.
type Listener struct {
	carrier

	lmu     sync.Mutex
	changed sync.Cond
	queue   []*Conn // lmu guards it
	closed  bool    // lmu guards it
}

// NewListener returns a listener. Script is asked for the script of each
// connection, with how many were dialled before; it is called by Dial. Nil is
// no fault.
func NewListener(script func(n int) Script) *Listener {
	l := &Listener{carrier: carrier{script: script}}
	l.changed.L = &l.lmu
	return l
}

// Dial connects to the listener. It does not wait for Accept. It fails with
// ECONNREFUSED when the script says so and after Close.
func (l *Listener) Dial() (net.Conn, error) {
	n, script, refused := l.next()
	l.lmu.Lock()
	defer l.lmu.Unlock()
	if refused || l.closed {
		return nil, &net.OpError{Op: "dial", Net: l.Addr().Network(), Addr: l.Addr(),
			Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	client, server := l.connect(n, script, "listener")
	l.queue = append(l.queue, server)
	l.changed.Signal()
	return client, nil
}

// Accept waits for a connection. After Close it fails with net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	l.lmu.Lock()
	defer l.lmu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.changed.Wait()
	}
	if l.closed {
		return nil, l.failed("accept")
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	return c, nil
}

// Close ends Accept and Dial, and resets the connections that were not
// accepted. The others live on.
func (l *Listener) Close() error {
	l.lmu.Lock()
	defer l.lmu.Unlock()
	if l.closed {
		return l.failed("close")
	}
	l.closed = true
	for _, c := range l.queue {
		c.Abort()
	}
	l.queue = nil
	l.changed.Broadcast()
	return nil
}

func (l *Listener) failed(op string) error {
	return &net.OpError{Op: op, Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
}

// Addr returns the name "listener".
func (l *Listener) Addr() net.Addr { return Addr("listener") }

var _ net.Listener = (*Listener)(nil)
