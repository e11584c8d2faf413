package chaos

import (
	"math/rand/v2"
	"syscall"
	"time"
)

const (
	// queueSize is how much Write takes that has not left, unless Bandwidth
	// says otherwise.
	queueSize = 64 << 10

	// inboxSize is how much has arrived unread when nothing leaves any more.
	inboxSize = 256 << 10

	// wireSize is how much is under way then: enough for 80 MiB a second over
	// a delay of 100 ms.
	wireSize = 8 << 20

	// packetSize is the least that a wire of limited bandwidth carries at once.
	packetSize = 1460
)

// A flow is one direction of a link, whose lock guards it.
type flow struct {
	link *Link

	queue    fifo      // taken from the writer
	wire     fifo      // under way
	inbox    fifo      // arrived
	free     time.Time // when the wire has room for the next packet
	passed   int64     // bytes that came to the end of the wire
	count    Count
	finished bool  // the writer has queued its end
	gone     bool  // nobody takes what arrives
	end      error // what the reader gets after the inbox; nil: it waits

	// What the faults have set.
	delay   Delay
	jitter  *rand.Rand
	band    Bandwidth
	slice   int
	pieces  *rand.Rand
	slow    time.Duration
	hole    bool
	stalled bool
	until   time.Time // the end of the stall; zero: open
}

// room returns how much the writer may add.
func (f *flow) room() int {
	size := queueSize
	if f.band.Rate > 0 && f.band.Queue > 0 {
		size = f.band.Queue
	}
	return size - f.queue.size
}

func (f *flow) due() (at time.Time) {
	if f.stalled {
		return f.until
	}
	if !f.wire.empty() {
		at = f.wire.chunks[0].due
	}
	if f.mayDepart() && (at.IsZero() || f.free.Before(at)) {
		at = f.free
	}
	return at
}

func (f *flow) mayDepart() bool {
	return !f.queue.empty() && f.inbox.size < inboxSize && f.wire.size < wireSize
}

func (f *flow) happen(at time.Time) {
	switch {
	case f.stalled:
		f.stalled = false
	case !f.wire.empty() && !f.wire.chunks[0].due.After(at):
		f.arrive()
	default:
		f.depart(at)
	}
}

func (f *flow) depart(at time.Time) {
	size, rate := queueSize, f.band.Rate
	if rate > 0 {
		size = max(packetSize, rate/1000)
	}
	c := f.queue.pop(size)
	f.free = at
	if rate > 0 {
		f.free = at.Add(time.Duration(int64(len(c.bytes)) * int64(time.Second) / int64(rate)))
	}
	c.due = f.free.Add(f.delay.Base)
	if j := f.delay.Jitter; j > 0 {
		c.due = c.due.Add(upTo(f.jitter, 2*j) - j)
	}
	if c.end != nil {
		c.due = c.due.Add(f.slow)
	}
	f.wire.push(c)
}

func (f *flow) arrive() {
	c := f.wire.pop(f.link.limit())
	f.passed += int64(len(c.bytes))
	switch {
	case f.hole || f.gone:
	case c.end != nil:
		f.end = c.end
	default:
		f.inbox.push(c)
	}
}

// cut ends the flow for its reader, and tells whether it had not ended before.
func (f *flow) cut(end error) bool {
	cut := f.end == nil
	if cut || end == syscall.ECONNRESET {
		f.end = end
	}
	f.gone = true
	f.queue, f.wire = fifo{}, fifo{}
	return cut
}

// take gives the reader what fits into p.
func (f *flow) take(p []byte) (n int) {
	if f.slice > 0 {
		p = p[:min(len(p), 1+f.pieces.IntN(f.slice))]
	}
	for n < len(p) && !f.inbox.empty() {
		n += copy(p[n:], f.inbox.pop(len(p)-n).bytes)
	}
	f.count.Out += int64(n)
	return n
}

// A chunk is some bytes, or an end.
type chunk struct {
	bytes []byte
	end   error
	due   time.Time // when it arrives, if those before it have
}

type fifo struct {
	chunks []chunk
	size   int
}

func (q *fifo) empty() bool { return len(q.chunks) == 0 }

func (q *fifo) push(c chunk) {
	q.chunks = append(q.chunks, c)
	q.size += len(c.bytes)
}

// pop takes the first chunk, or as much of it as n allows.
func (q *fifo) pop(n int) chunk {
	c := q.chunks[0]
	if len(c.bytes) > n {
		q.chunks[0].bytes = c.bytes[n:]
		c.bytes = c.bytes[:n]
	} else {
		q.chunks[0] = chunk{}
		q.chunks = q.chunks[1:]
	}
	q.size -= len(c.bytes)
	return c
}
