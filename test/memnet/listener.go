package memnet

import (
	"net"
	"sync"
)

// A Listener accepts the connections that Dial makes. All methods may be
// called concurrently.
type Listener struct {
	mu      sync.Mutex
	changed sync.Cond
	queue   []net.Conn // mu guards it
	closed  bool       // mu guards it
}

// Listen returns a new listener.
func Listen() *Listener {
	l := &Listener{}
	l.changed.L = &l.mu
	return l
}

// Dial connects to the listener. It does not wait for Accept.
func (l *Listener) Dial() (net.Conn, error) {
	c, err := l.DialConn()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// DialConn is Dial that returns the connection as it is, with its faults.
func (l *Listener) DialConn() (*Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, net.ErrClosed
	}
	a, b := Pipe()
	l.queue = append(l.queue, b)
	l.changed.Signal()
	return a, nil
}

// Accept waits for a connection. After Close it returns net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.changed.Wait()
	}
	if l.closed {
		return nil, net.ErrClosed
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	return c, nil
}

// Close ends Accept and Dial, and the connections that were not accepted.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.queue {
		c.Close()
	}
	l.queue, l.closed = nil, true
	l.changed.Broadcast()
	return nil
}

// Addr returns the address of the memory.
func (l *Listener) Addr() net.Addr { return Addr{} }

var _ net.Listener = (*Listener)(nil)
