// Package floor is the least that a call and an acknowledged message over TCP
// can be: one reading goroutine per connection, frames appended to a buffer
// under a mutex, a table of waiters, a goroutine per request. It has no
// contexts, no errors, no flow control and no heartbeat, and is no library: it
// is the limit that the benchmarks compare with.
package floor

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
)

// ErrClosed is returned by Call and Publish when the connection has ended.
var ErrClosed = errors.New("floor: connection closed")

type kind uint32

const (
	request kind = iota
	response
	message
	ack
)

// headerLen is that of a frame: 4 bytes length of the payload, 4 bytes kind,
// 8 bytes id, little endian.
const headerLen = 16

// Conn is one side of a connection. Call and Publish may be called
// concurrently, Receive by one goroutine.
type Conn struct {
	nc      net.Conn
	handler func(p []byte) []byte
	inbox   chan Message
	done    chan struct{} // closed when the reader has ended

	mu      sync.Mutex // guards what follows
	out     []byte     // frames to write
	spare   []byte     // the buffer written last
	writing bool       // somebody is writing, and will take along what is in out

	pmu     sync.Mutex // guards what follows
	lastID  uint64
	pending map[uint64]chan []byte
	closed  bool
}

// Message is what Receive returns.
type Message struct {
	conn *Conn
	id   uint64

	// Data belongs to the receiver.
	Data []byte
}

// waiters are channels with room for one, so that the reader never waits.
var waiters = sync.Pool{New: func() any { return make(chan []byte, 1) }}

// New starts a connection on nc. The handler answers requests, each on a
// goroutine of its own; it may be nil on a side that serves none. At most
// inbox messages wait for Receive; the peer must not have more unacknowledged,
// or the reader waits.
func New(nc net.Conn, handler func(p []byte) []byte, inbox int) *Conn {
	c := &Conn{
		nc:      nc,
		handler: handler,
		inbox:   make(chan Message, inbox),
		done:    make(chan struct{}),
		pending: make(map[uint64]chan []byte),
	}
	go c.read()
	return c
}

// Close closes the connection and waits for its reader. Calls in flight return
// ErrClosed.
func (c *Conn) Close() {
	_ = c.nc.Close()
	<-c.done
}

// Call sends p and returns the peer's answer, which belongs to the caller.
func (c *Conn) Call(p []byte) ([]byte, error) {
	return c.exchange(request, p)
}

// Publish sends p and returns when the peer has acknowledged it.
func (c *Conn) Publish(p []byte) error {
	_, err := c.exchange(message, p)
	return err
}

// PublishAsync sends p; the peer's acknowledgement is delivered to acked,
// which must have room. A nil slice says that the connection has ended; any
// other says nothing.
func (c *Conn) PublishAsync(p []byte, acked chan []byte) error {
	id, err := c.expect(acked)
	if err != nil {
		return err
	}
	c.send(message, id, p, onGoroutine)
	return nil
}

// Receive waits for the next message, which is to be acknowledged with Ack. It
// returns false when the connection has ended.
func (c *Conn) Receive() (Message, bool) {
	select {
	case m := <-c.inbox:
		return m, true
	case <-c.done:
		return Message{}, false
	}
}

// Ack acknowledges the message. While more messages wait for Receive the
// acknowledgement is kept back, to leave together with theirs.
func (m Message) Ack() {
	flush := here
	if len(m.conn.inbox) > 0 {
		flush = later
	}
	m.conn.send(ack, m.id, nil, flush)
}

func (c *Conn) exchange(k kind, p []byte) ([]byte, error) {
	w := waiters.Get().(chan []byte)
	id, err := c.expect(w)
	if err != nil {
		return nil, err
	}
	c.send(k, id, p, here)
	answer := <-w
	if answer == nil {
		return nil, ErrClosed
	}
	waiters.Put(w)
	return answer, nil
}

// expect registers w for what the peer will answer under the id returned.
func (c *Conn) expect(w chan []byte) (uint64, error) {
	c.pmu.Lock()
	defer c.pmu.Unlock()
	if c.closed {
		return 0, ErrClosed
	}
	c.lastID++
	c.pending[c.lastID] = w
	return c.lastID, nil
}

// A flusher says who writes what was appended, where nobody does already.
type flusher int

const (
	here        flusher = iota // whoever appends, who waits for the answer anyway
	onGoroutine                // a goroutine: whoever appends has more
	later                      // who appends next
)

// send appends a frame, and has it written. Errors are left to the reader,
// which sees the connection end.
func (c *Conn) send(k kind, id uint64, p []byte, by flusher) {
	var h [headerLen]byte
	binary.LittleEndian.PutUint32(h[0:], uint32(len(p)))
	binary.LittleEndian.PutUint32(h[4:], uint32(k))
	binary.LittleEndian.PutUint64(h[8:], id)

	c.mu.Lock()
	c.out = append(append(c.out, h[:]...), p...)
	start := !c.writing && by != later
	c.writing = c.writing || start
	c.mu.Unlock()
	switch {
	case !start:
	case by == here:
		c.flush()
	default:
		go c.flush()
	}
}

// flush gives way once, so that others may append, and writes until nothing is
// left.
func (c *Conn) flush() {
	runtime.Gosched()
	c.mu.Lock()
	for len(c.out) > 0 {
		batch := c.out
		c.out = c.spare[:0]
		c.mu.Unlock()
		_, _ = c.nc.Write(batch)
		c.mu.Lock()
		c.spare = batch
	}
	c.writing = false
	c.mu.Unlock()
}

// read is the goroutine of the connection. It ends with nc, and fails what is
// pending.
func (c *Conn) read() {
	defer c.fail()
	r := bufio.NewReaderSize(c.nc, 32<<10)
	var h [headerLen]byte
	for {
		if _, err := io.ReadFull(r, h[:]); err != nil {
			return
		}
		p := make([]byte, binary.LittleEndian.Uint32(h[0:]))
		if _, err := io.ReadFull(r, p); err != nil {
			return
		}
		id := binary.LittleEndian.Uint64(h[8:])
		switch kind(binary.LittleEndian.Uint32(h[4:])) {
		case request:
			go c.serve(id, p)
		case message:
			c.inbox <- Message{conn: c, id: id, Data: p}
		case response, ack:
			c.answer(id, p)
		}
	}
}

func (c *Conn) serve(id uint64, p []byte) {
	c.send(response, id, c.handler(p), here)
}

func (c *Conn) answer(id uint64, p []byte) {
	c.pmu.Lock()
	w := c.pending[id]
	delete(c.pending, id)
	c.pmu.Unlock()
	if w != nil {
		w <- p
	}
}

func (c *Conn) fail() {
	_ = c.nc.Close()
	c.pmu.Lock()
	c.closed = true
	for id, w := range c.pending {
		delete(c.pending, id)
		w <- nil
	}
	c.pmu.Unlock()
	close(c.done)
}
