package multiplexer

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
)

// Read reads what has arrived into p, and waits until something has. It
// returns as much as fits, also of several writes of the peer; a write of at
// most 4 KiB is returned whole if p has room for it. It returns io.EOF behind
// the last byte that the peer wrote before it closed its direction,
// geminio.ErrSessionLost behind the last that came if the connection was lost,
// net.ErrClosed after Close, os.ErrDeadlineExceeded after the read deadline.
func (d *Dialogue) Read(p []byte) (n int, err error) {
	r := &d.receiving
	r.Lock()
	defer r.Unlock()
	if err := d.awaitBytes(len(p) == 0); err != nil || len(p) == 0 {
		return 0, err
	}
	n = r.buffer.read(p)
	d.consumed(n)
	d.wakeNext()
	return n, nil
}

// wakeNext wakes a reader that waits, if there is something for it. The lock is
// held.
func (d *Dialogue) wakeNext() {
	r := &d.receiving
	if w := r.readers.Front(); w != nil && r.buffer.size > 0 {
		w.Wake()
	}
}

// awaitBytes waits until something can be read, with peek only until it is
// known whether reading is allowed at all. The lock is held.
func (d *Dialogue) awaitBytes(peek bool) error {
	r := &d.receiving
	err, ready := d.readable(peek)
	if ready {
		return err
	}
	w := d.m.waiters.Get()
	r.readers.Push(w)
	for !ready {
		r.Unlock()
		<-w.C
		r.Lock()
		err, ready = d.readable(peek)
	}
	r.readers.Remove(w)
	w.Put()
	return err
}

// readable tells whether a read need not wait, and its error.
func (d *Dialogue) readable(peek bool) (err error, ready bool) {
	switch r := &d.receiving; {
	case r.discard:
		return r.err, true
	case r.due.passed():
		return os.ErrDeadlineExceeded, true
	case r.buffer.size > 0 || peek:
		return nil, true
	default:
		return r.err, r.err != nil
	}
}

// consumed counts n bytes as taken by the application. The lock is held.
func (d *Dialogue) consumed(n int) {
	d.m.unread.Add(int64(-n))
	d.window.Consume(n)
	switch r := &d.receiving; {
	case r.half != flowing || r.err != nil:
		d.window.Close()
	case d.window.Due():
		d.m.markDirty(d, oweCredit)
	}
}

// WriteTo writes what arrives to w until the peer has closed its direction, for
// which it returns nil, or an error occurs. It hands out the buffers in which
// the bytes lie; what w does not take stays to be read.
func (d *Dialogue) WriteTo(w io.Writer) (n int64, err error) {
	r := &d.receiving
	r.Lock()
	defer r.Unlock()
	for {
		if err := d.awaitBytes(false); err != nil {
			if err == io.EOF {
				err = nil
			}
			return n, err
		}
		k, err := d.handOut(w)
		n += int64(k)
		if err != nil {
			return n, err
		}
	}
}

// handOut writes the first chunk to w and returns how much of it w took. The
// lock is held, but not while w writes, and it is held again if w panics.
func (d *Dialogue) handOut(w io.Writer) (k int, err error) {
	r := &d.receiving
	c := r.buffer.pop()
	size := len(c.b)
	r.buffer.size -= size
	d.wakeNext()
	r.Unlock()
	defer func() {
		r.Lock()
		d.takeBack(c, k)
	}()
	k, err = w.Write(c.b)
	switch {
	case k < 0 || k > size:
		k, err = size, errInvalidWrite
	case k < size && err == nil:
		err = io.ErrShortWrite
	}
	return k, err
}

// takeBack settles a chunk that was handed out and of which k bytes were taken.
func (d *Dialogue) takeBack(c *chunk, k int) {
	r := &d.receiving
	d.consumed(k)
	switch c.b = c.b[k:]; {
	case len(c.b) == 0:
		c.free()
	case r.discard:
		d.consumed(len(c.b))
		c.free()
	default:
		r.buffer.pushFront(c)
		r.buffer.size += len(c.b)
		d.wakeNext()
	}
}

var errInvalidWrite = errors.New("writer returned an impossible count")

// CloseRead says that nothing more will be read: what has arrived and what
// arrives is dropped, and the peer's writes fail. Reads return io.EOF. It
// returns nil, also the second time, and net.ErrClosed after Close.
func (d *Dialogue) CloseRead() error {
	if d.stopReading(io.EOF, true) && d.Begin() {
		h := packet.Header{Type: packet.TypeStopSending, Stream: d.id}
		payload := packet.AppendStopSending(nil, packet.StopSending{Code: uint32(packet.CodeCancelled)})
		_, _ = d.m.link.Append(packet.Control, h, payload, nil, nil, nil) // it fails only when nobody is left to be told
		d.Finish()
	}
	r := &d.receiving
	r.Lock()
	defer r.Unlock()
	if r.err == net.ErrClosed {
		return r.err
	}
	return nil
}

// stopReading makes Read return err: behind the bytes that are there, or, with
// discard, at once. The first cause stays, but that this side does not read
// counts more than what the peer did. It returns whether the peer must be told
// to stop: it may send more, and nobody has wanted to discard that before.
func (d *Dialogue) stopReading(err error, discard bool) (tell bool) {
	r := &d.receiving
	r.Lock()
	defer r.Unlock()
	if r.err == nil || discard && (!r.discard || err == net.ErrClosed) {
		r.err = err
	}
	if discard {
		tell = r.half == flowing && !r.discard
		r.discard = true
		n := r.buffer.clear()
		d.m.unread.Add(int64(-n))
		d.window.Consume(n)
	}
	d.window.Close()
	if err == net.ErrClosed {
		r.due.stop()
	}
	r.readers.WakeAll()
	return tell
}

// handleData takes a part of a DATA frame.
func (d *Dialogue) handleData(h packet.Header, off int, part []byte, s *slab.Slab) error {
	r := &d.receiving
	r.Lock()
	defer r.Unlock()
	if off == 0 {
		if err := d.receiveLocked(markData); err != nil {
			return err
		}
		if err := d.window.Receive(h.Length); err != nil {
			return protocolError("stream %d: %v", d.id, err)
		}
	}
	switch {
	case r.discard || r.err != nil:
		d.window.Consume(len(part))
	case len(part) > 0:
		copied := s == nil || len(part) < copyBelow || len(part) < copyPinned && d.m.crowded()
		r.buffer.put(part, s, copied)
		d.m.unread.Add(int64(len(part)))
	}
	if h.Flags&packet.FlagFIN != 0 && off+len(part) == h.Length {
		if err := d.receiveLocked(markFIN); err != nil {
			return err
		}
		if r.err == nil {
			r.err = io.EOF
		}
		d.window.Close()
	}
	if r.readers.Len() > 0 && !r.line {
		r.line = true
		d.m.wake = append(d.m.wake, d)
	}
	return nil
}

// crowded tells whether more slabs are kept than the bytes in them justify.
func (m *Multiplexer) crowded() bool {
	return int64(m.link.Pinned()) > pinnedFree+2*m.unread.Load()
}

// wakeReader wakes one reader, or all where there is nothing left to wait for.
func (d *Dialogue) wakeReader() {
	r := &d.receiving
	r.Lock()
	r.line = false
	if r.err != nil {
		r.readers.WakeAll()
	} else if w := r.readers.Front(); w != nil {
		w.Wake()
	}
	r.Unlock()
}

func (d *Dialogue) handleBlocked(at uint64) {
	r := &d.receiving
	r.Lock()
	d.window.SetBlocked(at)
	if d.window.Due() && r.err == nil {
		d.m.markDirty(d, oweCredit)
	}
	r.Unlock()
}

func (d *Dialogue) composeCredit(now time.Time, rtt time.Duration) {
	r := &d.receiving
	r.Lock()
	defer r.Unlock()
	if r.err != nil {
		return // nobody needs more
	}
	limit, ok := d.window.Raise(now, rtt)
	if !ok {
		return
	}
	h := packet.Header{Type: packet.TypeCredit, Stream: d.id}
	payload := packet.AppendCredit(make([]byte, 0, packet.CreditLen), packet.Credit{Limit: limit})
	_, _ = d.m.link.Append(packet.Control, h, payload, nil, nil, nil) // it fails only when nobody is left to be told
}

// SetReadDeadline sets when reads, also those under way, return
// os.ErrDeadlineExceeded; zero is never. It returns nil.
func (d *Dialogue) SetReadDeadline(t time.Time) error {
	r := &d.receiving
	r.Lock()
	defer r.Unlock()
	if r.err == net.ErrClosed {
		return nil
	}
	if r.due == nil {
		r.due = new(deadline)
	}
	if r.due.set(t, d.readExpired) {
		r.readers.WakeAll()
	}
	return nil
}

func (d *Dialogue) readExpired() {
	r := &d.receiving
	r.Lock()
	if r.due.due(time.Now()) {
		r.readers.WakeAll()
	}
	r.Unlock()
}
