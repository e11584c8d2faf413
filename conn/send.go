package conn

import (
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

func (c *Conn) queueOf(class packet.Class) *queue {
	switch class {
	case packet.Control:
		return &c.control
	case packet.Messages:
		return &c.messages
	}
	return &c.bulk
}

// Append queues one frame whole: h, whose Length it fills in, then fields, a
// and b, which it copies. mark is the number of bytes that have ever been
// queued in class, this frame included.
//
// Without w it queues whatever the queue holds. With w, and while the queue is
// full or others wait for it, it queues nothing and returns wait.ErrMustWait:
// w stands in line, and when it is woken the caller comes back with the same
// frame, or calls Withdraw. Any other error says that the connection takes
// nothing any more.
func (c *Conn) Append(class packet.Class, h packet.Header, fields, a, b []byte, w *wait.Waiter) (mark uint64, err error) {
	q := c.queueOf(class)
	c.mu.Lock()
	if c.dead || c.said {
		defer c.mu.Unlock()
		return 0, c.gone(q, w)
	}
	if w != nil && !q.admit(w, packet.HeaderLen+len(fields)+len(a)+len(b)) {
		c.mu.Unlock()
		return 0, wait.ErrMustWait
	}
	c.put(q, h, fields, a, b)
	mark = q.queued
	c.kickAndUnlock()
	return mark, nil
}

// AppendData queues one DATA frame with the first n bytes of p, as many as fit
// its segment well (all, if p has at most 4 KiB), and FIN if fin is set and
// the frame takes all of p. It waits, and returns the mark, as Append does.
func (c *Conn) AppendData(stream uint32, p []byte, fin bool, w *wait.Waiter) (n int, mark uint64, err error) {
	q := &c.bulk
	c.mu.Lock()
	if c.dead || c.said {
		defer c.mu.Unlock()
		return 0, 0, c.gone(q, w)
	}
	if w != nil && !q.admit(w, packet.HeaderLen+min(len(p), packet.MaxPayload)) {
		c.mu.Unlock()
		return 0, 0, wait.ErrMustWait
	}
	n = q.cut(len(p))
	h := packet.Header{Type: packet.TypeData, Stream: stream}
	if fin && n == len(p) {
		h.Flags = packet.FlagFIN
	}
	c.put(q, h, p[:n], nil, nil)
	mark = q.queued
	if c.capped {
		c.mu.Unlock()
	} else {
		c.kickAndUnlock()
	}
	return n, mark, nil
}

// gone takes w out of its line and returns why nothing can be queued.
func (c *Conn) gone(q *queue, w *wait.Waiter) error {
	if w != nil {
		q.withdraw(w)
	}
	return errClosed
}

// put copies one frame into q. The mutex is held.
func (c *Conn) put(q *queue, h packet.Header, fields, a, b []byte) {
	h.Length = len(fields) + len(a) + len(b)
	frame := q.space(packet.HeaderLen + h.Length)
	packet.PutHeader(frame, h)
	at := packet.HeaderLen
	at += copy(frame[at:], fields)
	at += copy(frame[at:], a)
	copy(frame[at:], b)
}

// AppendEnd queues the END of stream: it leaves when everything that has been
// queued so far has been composed.
func (c *Conn) AppendEnd(stream uint32) {
	c.mu.Lock()
	if !c.dead && !c.said {
		c.ends = append(c.ends, ending{stream, c.messages.queued, c.bulk.queued})
		c.kick()
	}
	c.mu.Unlock()
}

// Withdraw takes w out of the line it stands in, if any.
func (c *Conn) Withdraw(w *wait.Waiter) {
	c.mu.Lock()
	c.control.withdraw(w)
	c.messages.withdraw(w)
	c.bulk.withdraw(w)
	c.mu.Unlock()
}

// Composed tells whether the bytes of class up to mark were handed to a
// connection. Before that, the peer cannot have seen any of them.
func (c *Conn) Composed(class packet.Class, mark uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queueOf(class).composed >= mark
}

// AwaitComposed is Composed, and where that is false has w woken when it has
// become true or the connection has ended. It is true, too, when the connection
// takes nothing any more: there is nothing to wait for.
func (c *Conn) AwaitComposed(class packet.Class, mark uint64, w *wait.Waiter) bool {
	q := c.queueOf(class)
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.composed >= mark || c.dead || c.said {
		q.marks.Remove(w)
		return true
	}
	if !q.marks.Has(w) {
		w.Mark = mark
		q.marks.Push(w)
	}
	return false
}

// Kick makes the flusher call Compose of the layer above soon.
func (c *Conn) Kick() {
	c.bits.Store(true)
	c.mu.Lock()
	c.kick()
	c.mu.Unlock()
}

// kick starts the flusher if it does not run. The mutex is held.
func (c *Conn) kick() {
	if c.startsFlusher() {
		go c.flushFn()
	}
}

// kickAndUnlock is kick for the busy paths: the flusher, which takes the mutex
// first of all, starts without it being held.
func (c *Conn) kickAndUnlock() {
	start := c.startsFlusher()
	c.mu.Unlock()
	if start {
		go c.flushFn()
	}
}

// startsFlusher notes that a flusher runs, and tells whether it must be
// started.
func (c *Conn) startsFlusher() bool {
	if c.writing || c.dead || c.mute || c.handler == nil {
		return false
	}
	c.writing = true
	return true
}
