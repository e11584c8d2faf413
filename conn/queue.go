package conn

import (
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
	"github.com/singchia/geminio/pkg/wait"
)

const (
	segmentSize = 128 << 10

	// queueBound is how many bytes the queues for calls and messages and for
	// stream bytes hold before their writers wait; controlBound is the same
	// for control frames that their writers queue.
	queueBound   = 256 << 10
	controlBound = 64 << 10

	// leastCut is the room in a segment for which a DATA frame is cut.
	leastCut = 4 << 10
)

// A segment holds frames, each whole. What lies in it is never moved.
type segment struct {
	refs int // the queue that appends to it, and each piece of it in flight
	used int
	next *segment
	buf  [segmentSize]byte
}

var segments = slab.Pool[segment]{Keep: 8}

func newSegment() *segment {
	s := segments.Get()
	s.refs, s.used, s.next = 1, 0, nil
	return s
}

func (s *segment) release() {
	if s.refs--; s.refs == 0 {
		s.next = nil
		segments.Put(s)
	}
}

// A piece is a run of whole frames in one segment that goes out together.
type piece struct {
	seg        *segment
	start, end int
}

func (p piece) bytes() []byte { return p.seg.buf[p.start:p.end] }

// A queue is what waits to be composed, in segments, and those who wait for
// room in it. The connection's mutex guards it.
type queue struct {
	bound int

	head, tail *segment
	off        int    // what of head is composed
	queued     uint64 // bytes ever queued
	composed   uint64 // bytes ever composed

	room    wait.Queue // writers that wait, first come first served
	granted wait.Queue // those who were given room and have not come back yet
	given   int        // the room they were given
	marks   wait.Queue // those who wait until composed has reached their Mark
}

func (q *queue) bytes() int { return int(q.queued - q.composed) }

// admit tells whether w may append n bytes now. If not, w stands in line.
func (q *queue) admit(w *wait.Waiter, n int) bool {
	if q.granted.Remove(w) {
		q.given -= w.Size
		w.Granted = false
		return true
	}
	if q.room.Has(w) {
		return false
	}
	if q.room.Len() == 0 && q.bytes()+q.given < q.bound {
		return true
	}
	w.Size = n
	q.room.Push(w)
	return false
}

// withdraw takes w out of whatever line of q it stands in.
func (q *queue) withdraw(w *wait.Waiter) {
	switch {
	case q.granted.Remove(w):
		q.given -= w.Size
		w.Granted = false
		q.wake()
	case q.room.Remove(w):
		q.wake()
	default:
		q.marks.Remove(w)
	}
}

// wake gives room to those who wait, as many as now fit, and wakes those whose
// mark is composed.
func (q *queue) wake() {
	for w := q.room.Front(); w != nil && q.bytes()+q.given < q.bound; w = q.room.Front() {
		q.room.Remove(w)
		q.granted.Push(w)
		q.given += w.Size
		w.Granted = true
		w.Wake()
	}
	for w := q.marks.Front(); w != nil; {
		next := w.Next()
		if q.composed >= w.Mark {
			q.marks.Remove(w)
			w.Wake()
		}
		w = next
	}
}

// wakeAll wakes everybody, for the end.
func (q *queue) wakeAll() {
	q.room.WakeAll()
	q.granted.WakeAll()
	q.marks.WakeAll()
}

// space returns n bytes at the end of the last segment, or of a new one.
func (q *queue) space(n int) []byte {
	if q.tail == nil || segmentSize-q.tail.used < n {
		q.grow()
	}
	b := q.tail.buf[q.tail.used : q.tail.used+n]
	q.tail.used += n
	q.queued += uint64(n)
	return b
}

func (q *queue) grow() {
	s := newSegment()
	if q.tail == nil {
		q.head, q.off = s, 0
	} else {
		q.tail.next = s
	}
	q.tail = s
}

// cut returns how much of a DATA frame's n bytes should go into the next
// frame: all that fits, but a rest of the segment below leastCut is left.
func (q *queue) cut(n int) int {
	n = min(n, packet.MaxPayload)
	if q.tail == nil {
		return n
	}
	room := segmentSize - q.tail.used - packet.HeaderLen
	if n <= room || n <= leastCut || room < leastCut {
		return n
	}
	return room
}

// compose moves frames to pieces until limit bytes are reached: the frame that
// begins below the limit goes whole. It returns the pieces and their bytes.
func (q *queue) compose(pieces []piece, limit int) ([]piece, int) {
	total := 0
	for q.head != nil && total < limit {
		end := q.head.used
		if end == q.off {
			if q.head == q.tail {
				break
			}
			q.dropHead()
			continue
		}
		if end-q.off > limit-total {
			end = frameBorder(q.head, q.off, limit-total)
		}
		q.head.refs++
		pieces = append(pieces, piece{q.head, q.off, end})
		total += end - q.off
		q.off = end
		if end == segmentSize || q.head != q.tail && end == q.head.used {
			q.dropHead()
		}
	}
	q.composed += uint64(total)
	return pieces, total
}

// frameBorder returns the first border between frames that is at least n bytes
// behind off.
func frameBorder(s *segment, off, n int) int {
	for at := off; ; {
		if at-off >= n {
			return at
		}
		at += packet.HeaderLen + packet.ParseHeader(s.buf[at:]).Length
	}
}

func (q *queue) dropHead() {
	s := q.head
	q.head, q.off = s.next, 0
	if q.head == nil {
		q.tail = nil
	}
	s.release()
}

// idle gives the last segment back when everything in it is composed and
// nobody keeps it: one that is kept anyway may as well be filled.
func (q *queue) idle() {
	if q.head != nil && q.head == q.tail && q.off == q.head.used && q.head.refs == 1 {
		q.dropHead()
	}
}
