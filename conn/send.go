package conn

import (
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

func (s *session) queueOf(class packet.Class) *queue {
	switch class {
	case packet.Control:
		return &s.control
	case packet.Messages:
		return &s.messages
	}
	return &s.bulk
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
func (s *session) Append(class packet.Class, h packet.Header, fields, a, b []byte, w *wait.Waiter) (mark uint64, err error) {
	q := s.queueOf(class)
	s.mu.Lock()
	if s.dead || s.said {
		defer s.mu.Unlock()
		return 0, s.gone(q, w)
	}
	if w != nil && !q.admit(w, packet.HeaderLen+len(fields)+len(a)+len(b)) {
		s.mu.Unlock()
		return 0, wait.ErrMustWait
	}
	s.put(q, h, fields, a, b)
	mark = q.queued
	s.kickAndUnlock()
	return mark, nil
}

// AppendData queues one DATA frame with the first n bytes of p, as many as fit
// its segment well (all, if p has at most 4 KiB), and FIN if fin is set and
// the frame takes all of p. It waits, and returns the mark, as Append does.
func (s *session) AppendData(stream uint32, p []byte, fin bool, w *wait.Waiter) (n int, mark uint64, err error) {
	q := &s.bulk
	s.mu.Lock()
	if s.dead || s.said {
		defer s.mu.Unlock()
		return 0, 0, s.gone(q, w)
	}
	if w != nil && !q.admit(w, packet.HeaderLen+min(len(p), packet.MaxPayload)) {
		s.mu.Unlock()
		return 0, 0, wait.ErrMustWait
	}
	n = q.cut(min(len(p), s.frameMost))
	h := packet.Header{Type: packet.TypeData, Stream: stream}
	if fin && n == len(p) {
		h.Flags = packet.FlagFIN
	}
	s.put(q, h, p[:n], nil, nil)
	mark = q.queued
	if s.capped {
		s.mu.Unlock()
	} else {
		s.kickAndUnlock()
	}
	return n, mark, nil
}

// gone takes w out of its line and returns why nothing can be queued.
func (s *session) gone(q *queue, w *wait.Waiter) error {
	if w != nil {
		q.withdraw(w)
	}
	return errClosed
}

// put copies one frame into q. The mutex is held.
func (s *session) put(q *queue, h packet.Header, fields, a, b []byte) {
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
func (s *session) AppendEnd(stream uint32) {
	s.mu.Lock()
	if !s.dead && !s.said {
		s.ends = append(s.ends, ending{stream, s.messages.queued, s.bulk.queued})
		s.kick()
	}
	s.mu.Unlock()
}

// Withdraw takes w out of the line it stands in, if any.
func (s *session) Withdraw(w *wait.Waiter) {
	s.mu.Lock()
	s.control.withdraw(w)
	s.messages.withdraw(w)
	s.bulk.withdraw(w)
	s.mu.Unlock()
}

// Composed tells whether the bytes of class up to mark were handed to a
// connection. Before that, the peer cannot have seen any of them.
func (s *session) Composed(class packet.Class, mark uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queueOf(class).composed >= mark
}

// AwaitComposed is Composed, and where that is false has w woken when it has
// become true or the connection has ended. It is true, too, when the connection
// takes nothing any more: there is nothing to wait for.
func (s *session) AwaitComposed(class packet.Class, mark uint64, w *wait.Waiter) bool {
	q := s.queueOf(class)
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.composed >= mark || s.dead || s.said {
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
func (s *session) Kick() {
	s.bits.Store(true)
	s.mu.Lock()
	s.kick()
	s.mu.Unlock()
}

// kick starts the flusher if it does not run. The mutex is held.
func (s *session) kick() {
	if s.startsFlusher() {
		s.driver.startFlusher()
	}
}

// kickAndUnlock is kick for the busy paths: the flusher, which takes the mutex
// first of all, starts without it being held.
func (s *session) kickAndUnlock() {
	start := s.startsFlusher()
	s.mu.Unlock()
	if start {
		s.driver.startFlusher()
	}
}

// startsFlusher notes that a flusher runs, and tells whether it must be
// started.
func (s *session) startsFlusher() bool {
	if s.writing || s.down || s.mute || s.handler == nil {
		return false
	}
	s.writing = true
	return true
}
