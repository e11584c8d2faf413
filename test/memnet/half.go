package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// A half is one direction of a connection.
type half struct {
	mu      sync.Mutex
	changed sync.Cond

	// mu guards the following.
	chunks   []chunk
	size     int
	delay    time.Duration
	stalled  bool
	wrote    bool // the writer closed
	readGone bool // the reader closed
	broken   error
	arrival  *time.Timer // wakes readers when the first chunk is due
	reads    deadline
	writes   deadline
	writing  bool // a Write is under way: writes do not mix
}

type chunk struct {
	due   time.Time
	bytes []byte
}

func newHalf() *half {
	h := &half{}
	h.changed.L = &h.mu
	h.reads.h, h.writes.h = h, h
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.readGone:
			return 0, net.ErrClosed
		case h.broken != nil:
			return 0, h.broken
		case h.reads.passed:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		}
		if !h.stalled && len(h.chunks) > 0 && h.due() {
			return h.take(p), nil
		}
		if !h.stalled && len(h.chunks) == 0 && h.wrote {
			return 0, io.EOF
		}
		h.changed.Wait()
	}
}

// due tells whether the first chunk has arrived, and has the readers woken
// when it does. The caller holds mu.
func (h *half) due() bool {
	wait := time.Until(h.chunks[0].due)
	if wait <= 0 {
		return true
	}
	if h.arrival == nil {
		h.arrival = time.AfterFunc(wait, func() {
			h.mu.Lock()
			h.arrival = nil
			h.mu.Unlock()
			h.changed.Broadcast()
		})
	}
	return false
}

// take moves bytes that have arrived into p. The caller holds mu.
func (h *half) take(p []byte) (n int) {
	for n < len(p) && len(h.chunks) > 0 && h.due() {
		c := &h.chunks[0]
		m := copy(p[n:], c.bytes)
		n += m
		if c.bytes = c.bytes[m:]; len(c.bytes) == 0 {
			h.chunks[0] = chunk{}
			h.chunks = h.chunks[1:]
		}
	}
	h.size -= n
	h.changed.Broadcast()
	return n
}

func (h *half) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// The turn is no mutex: a bubble of synctest does not count those as waiting.
	for h.writing {
		h.changed.Wait()
	}
	h.writing = true
	defer func() {
		h.writing = false
		h.changed.Broadcast()
	}()
	for {
		switch {
		case h.wrote:
			return n, net.ErrClosed
		case h.broken != nil:
			return n, h.broken
		case h.readGone:
			return n, io.ErrClosedPipe
		case h.writes.passed:
			return n, os.ErrDeadlineExceeded
		case len(p) == 0:
			return n, nil
		}
		if room := min(BufferSize-h.size, len(p)); room > 0 {
			c := chunk{bytes: append([]byte(nil), p[:room]...)}
			if h.delay > 0 {
				c.due = time.Now().Add(h.delay)
			}
			h.chunks = append(h.chunks, c)
			h.size += room
			n += room
			p = p[room:]
			h.changed.Broadcast()
			continue
		}
		h.changed.Wait()
	}
}

func (h *half) closeWrite() {
	h.change(func() { h.wrote = true })
}

func (h *half) closeRead() {
	h.change(func() {
		h.readGone = true
		h.chunks, h.size = nil, 0
	})
}

func (h *half) fail(err error) {
	h.change(func() {
		if h.broken == nil {
			h.broken = err
			h.chunks, h.size = nil, 0
		}
	})
}

func (h *half) stall(stop bool) {
	h.change(func() { h.stalled = stop })
}

func (h *half) setDelay(d time.Duration) {
	h.change(func() { h.delay = d })
}

func (h *half) buffered() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.size
}

func (h *half) change(f func()) {
	h.mu.Lock()
	f()
	if (h.readGone || h.broken != nil) && h.arrival != nil {
		h.arrival.Stop()
		h.arrival = nil
	}
	h.mu.Unlock()
	h.changed.Broadcast()
}

// A deadline is one of the two of a half. h.mu guards it.
type deadline struct {
	h      *half
	passed bool
	timer  *time.Timer
	epoch  int // of the timer that counts
}

func (d *deadline) set(t time.Time) {
	d.h.change(func() {
		d.epoch++
		if d.timer != nil {
			d.timer.Stop()
			d.timer = nil
		}
		if d.passed = !t.IsZero() && time.Until(t) <= 0; t.IsZero() || d.passed {
			return
		}
		epoch := d.epoch
		d.timer = time.AfterFunc(time.Until(t), func() {
			d.h.change(func() {
				if d.epoch == epoch {
					d.passed = true
				}
			})
		})
	})
}
