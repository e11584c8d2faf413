package application

import (
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

// A frame is one that an End has queued.
type frame struct {
	class   packet.Class
	header  packet.Header
	payload []byte
}

// A scriptedConn is a connection whose other side is the test: it keeps what
// the End queues, in the order in which it was queued.
type scriptedConn struct {
	client bool

	mu       sync.Mutex
	frames   []frame
	kicked   bool
	news     chan struct{} // holds one: something above has changed
	full     [3]bool       // classes without room
	room     [3]int        // where not 0: the frames after which a class is full
	stuck    [3]bool       // classes of which nothing more is composed
	waiting  [3][]*wait.Waiter
	queued   [3]uint64
	composed [3]uint64
	watchers []*wait.Waiter
	dead     bool
	shutdown bool
	offline  int
	closed   int
}

var errScriptOver = errors.New("connection ended")

func (c *scriptedConn) Client() bool       { return c.client }
func (c *scriptedConn) RTT() time.Duration { return 0 }
func (c *scriptedConn) Pinned() int        { return 0 }

func (c *scriptedConn) tell() {
	select {
	case c.news <- struct{}{}:
	default:
	}
}

func (c *scriptedConn) Append(class packet.Class, h packet.Header, fields, a, b []byte, w *wait.Waiter) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return 0, errScriptOver
	}
	if w != nil && c.full[class] {
		if !slices.Contains(c.waiting[class], w) {
			c.waiting[class] = append(c.waiting[class], w)
			c.tell()
		}
		return 0, wait.ErrMustWait
	}
	payload := append(append(append([]byte{}, fields...), a...), b...)
	h.Length = len(payload)
	return c.put(class, h, payload), nil
}

func (c *scriptedConn) put(class packet.Class, h packet.Header, payload []byte) uint64 {
	c.frames = append(c.frames, frame{class, h, payload})
	if c.room[class] > 0 {
		c.room[class]--
		c.full[class] = c.room[class] == 0
	}
	c.queued[class] += uint64(packet.HeaderLen + len(payload))
	if !c.stuck[class] {
		c.composed[class] = c.queued[class]
	}
	c.tell()
	return c.queued[class]
}

func (c *scriptedConn) AppendData(stream uint32, p []byte, fin bool, _ *wait.Waiter) (int, uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := packet.Header{Type: packet.TypeData, Stream: stream, Length: len(p)}
	if fin {
		h.Flags = packet.FlagFIN
	}
	c.put(packet.Bulk, h, append([]byte{}, p...))
	return len(p), 0, nil
}

func (c *scriptedConn) AppendEnd(stream uint32) {
	c.mu.Lock()
	c.put(packet.Control, packet.Header{Type: packet.TypeEnd, Stream: stream}, nil)
	c.mu.Unlock()
}

func (c *scriptedConn) Withdraw(w *wait.Waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for class := range c.waiting {
		c.waiting[class] = without(c.waiting[class], w)
	}
	c.watchers = without(c.watchers, w)
}

func without(ws []*wait.Waiter, w *wait.Waiter) (rest []*wait.Waiter) {
	for _, other := range ws {
		if other != w {
			rest = append(rest, other)
		}
	}
	return rest
}

func (c *scriptedConn) Composed(class packet.Class, mark uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.composed[class] >= mark
}

func (c *scriptedConn) AwaitComposed(class packet.Class, mark uint64, w *wait.Waiter) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.composed[class] >= mark {
		return true
	}
	c.watchers = append(without(c.watchers, w), w)
	c.tell()
	return false
}

func (c *scriptedConn) Kick() {
	c.mu.Lock()
	c.kicked = true
	c.tell()
	c.mu.Unlock()
}

func (c *scriptedConn) Shutdown(uint16, string) {
	c.mu.Lock()
	c.shutdown = true
	c.tell()
	c.mu.Unlock()
}

func (c *scriptedConn) Offline() {
	c.mu.Lock()
	c.offline++
	c.tell()
	c.mu.Unlock()
}

// farewells tells how often CLOSED was asked for.
func (c *scriptedConn) farewells() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offline
}

func (c *scriptedConn) Close() {
	c.mu.Lock()
	c.closed++
	c.mu.Unlock()
}

func (c *scriptedConn) LocalAddr() net.Addr  { return &net.UnixAddr{Name: "here", Net: "unix"} }
func (c *scriptedConn) RemoteAddr() net.Addr { return &net.UnixAddr{Name: "there", Net: "unix"} }

// fill takes the room of class away, free gives it back.
func (c *scriptedConn) fill(class packet.Class) {
	c.mu.Lock()
	c.full[class] = true
	c.mu.Unlock()
}

func (c *scriptedConn) free(class packet.Class) {
	c.mu.Lock()
	c.full[class] = false
	for _, w := range c.waiting[class] {
		w.Wake()
	}
	c.waiting[class] = nil
	c.mu.Unlock()
}

// allow gives class room for n frames.
func (c *scriptedConn) allow(class packet.Class, n int) {
	c.mu.Lock()
	c.room[class] = n
	c.mu.Unlock()
	c.free(class)
}

// waits tells how many wait for room in class.
func (c *scriptedConn) waits(class packet.Class) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting[class])
}

// hold stops the composing of class, release goes on with it.
func (c *scriptedConn) hold(class packet.Class) {
	c.mu.Lock()
	c.stuck[class] = true
	c.mu.Unlock()
}

func (c *scriptedConn) release(class packet.Class) {
	c.mu.Lock()
	c.stuck[class] = false
	c.composed[class] = c.queued[class]
	for _, w := range c.watchers {
		w.Wake()
	}
	c.watchers = nil
	c.mu.Unlock()
}
