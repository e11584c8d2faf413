package multiplexer

import (
	"io"
	"net"
	"os"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
	"github.com/singchia/geminio/pkg/wait"
)

const (
	// wholeWrite is the size up to which a Write is one frame, for which it
	// waits until there is credit for all of it.
	wholeWrite = 4 << 10

	// leastPiece is the least that a larger Write sends at a time, so that a
	// peer which gives credit by the byte does not get a frame for each.
	leastPiece = 64
)

// Write writes p, of any size. It returns when all of it lies in the
// connection's queue: then it is delivered, unless the connection is lost,
// also if Close follows. It waits while the peer gives no credit or the queue
// is full. n is exact: the first n bytes are delivered, the others not. Writes
// at once follow each other whole. The error is os.ErrDeadlineExceeded after
// the write deadline, net.ErrClosed after Close or CloseWrite, a
// *geminio.StreamError, which is an io.ErrClosedPipe, if the peer closed the
// stream or reads no more, geminio.ErrSessionLost if the connection was lost.
func (d *Dialogue) Write(p []byte) (n int, err error) {
	s := &d.sendingHalf
	if len(p) == 0 {
		s.Lock()
		defer s.Unlock()
		return 0, d.writeErr()
	}
	w := d.m.waiters.Get()
	s.Lock()
	if err = d.takeTurn(w); err == nil {
		for len(p) > 0 {
			var k int
			k, err = d.writeFrame(p, w)
			n += k
			if p = p[k:]; err != nil {
				break
			}
		}
		d.passTurn()
	}
	s.Unlock()
	w.Put()
	return n, err
}

// takeTurn waits for the turn to write. The lock is held.
func (d *Dialogue) takeTurn(w *wait.Waiter) error {
	s := &d.sendingHalf
	for {
		if err := d.writeErr(); err != nil {
			s.turn.Remove(w)
			if f := s.turn.Front(); f != nil && !s.busy {
				f.Wake()
			}
			return err
		}
		if !s.busy && (s.turn.Len() == 0 || s.turn.Front() == w) {
			s.turn.Remove(w)
			s.busy = true
			return nil
		}
		if !s.turn.Has(w) {
			s.turn.Push(w)
		}
		s.Unlock()
		<-w.C
		s.Lock()
	}
}

// passTurn ends the turn, after the FIN that may be due. The lock is held.
func (d *Dialogue) passTurn() {
	s := &d.sendingHalf
	s.busy = false
	d.sendFIN()
	if w := s.turn.Front(); w != nil {
		w.Wake()
	}
}

// writeErr returns why nothing can be written now.
func (d *Dialogue) writeErr() error {
	s := &d.sendingHalf
	if s.err == nil && s.due.passed() {
		return os.ErrDeadlineExceeded
	}
	return s.err
}

// writeFrame queues the next frame of p when there is credit and room for it,
// and returns how much of p it took. The lock is held, the turn taken.
func (d *Dialogue) writeFrame(p []byte, w *wait.Waiter) (int, error) {
	s := &d.sendingHalf
	need := min(len(p), leastPiece)
	if len(p) <= wholeWrite {
		need = len(p)
	}
	for {
		if err := d.writeErr(); err != nil {
			d.m.link.Withdraw(w)
			return 0, err
		}
		credit := d.limit - d.sent
		if credit < uint64(need) {
			d.starve(w)
			continue
		}
		if f := s.frames; f != nil && !d.m.link.AwaitComposed(packet.Bulk, f.oldest(), w) {
			d.sleep(w)
			continue
		}
		piece := p[:min(uint64(len(p)), credit, packet.MaxPayload)]
		if !d.Begin() {
			d.m.link.Withdraw(w)
			return 0, d.lostErr()
		}
		s.Unlock()
		n, mark, err := d.m.link.AppendData(d.id, piece, false, w)
		d.Finish()
		s.Lock()
		switch err {
		case nil:
			d.sent += uint64(n)
			if s.frames != nil {
				s.frames.add(mark)
			}
			return n, nil
		case wait.ErrMustWait:
			d.sleep(w)
		default:
			return 0, d.lostErr()
		}
	}
}

// frames are the marks of the frames that a dialogue has queued last, as many
// as may wait to be written.
type frames struct {
	marks []uint64 // a ring
	next  int
}

// oldest returns the mark that must be composed before another frame may be
// queued.
func (f *frames) oldest() uint64 { return f.marks[f.next] }

func (f *frames) add(mark uint64) {
	f.marks[f.next] = mark
	f.next = (f.next + 1) % len(f.marks)
}

// starve waits for credit, and has the peer told so once for each limit.
func (d *Dialogue) starve(w *wait.Waiter) {
	s := &d.sendingHalf
	s.starved = true
	if s.told != d.limit+1 {
		d.m.markDirty(d, oweBlocked)
	}
	d.sleep(w)
	s.starved = false
}

// sleep waits until w is woken: by room, credit, the deadline or an end.
func (d *Dialogue) sleep(w *wait.Waiter) {
	s := &d.sendingHalf
	if d.writeErr() != nil {
		return // it came while the lock was not held
	}
	s.writer = w
	s.Unlock()
	<-w.C
	s.Lock()
	s.writer = nil
}

// lostErr is the error of a write for which the connection takes nothing any
// more; the dialogue may not have been told yet.
func (d *Dialogue) lostErr() error {
	if err := d.sendingHalf.err; err != nil {
		return err
	}
	return geminio.ErrSessionLost
}

// composeBlocked tells the peer that a writer waits.
func (d *Dialogue) composeBlocked() {
	s := &d.sendingHalf
	s.Lock()
	defer s.Unlock()
	if !s.starved || s.told == d.limit+1 || s.err != nil {
		return
	}
	s.told = d.limit + 1
	h := packet.Header{Type: packet.TypeBlocked, Stream: d.id}
	b := packet.Blocked{What: packet.BlockedStream, At: d.limit}
	payload := packet.AppendBlocked(make([]byte, 0, packet.BlockedLen), b)
	_, _ = d.m.link.Append(packet.Control, h, payload, nil, nil, nil) // it fails only when nobody is left to be told
}

func (d *Dialogue) handleCredit(limit uint64) error {
	s := &d.sendingHalf
	s.Lock()
	defer s.Unlock()
	if limit < d.limit {
		return protocolError("the credit of stream %d fell from %d to %d", d.id, d.limit, limit)
	}
	d.limit = limit
	if s.writer != nil {
		s.writer.Wake()
	}
	return nil
}

// ReadFrom writes what it reads from r until r ends, for which it returns nil,
// or an error occurs.
func (d *Dialogue) ReadFrom(r io.Reader) (int64, error) { return slab.Copy(d, r) }

// CloseWrite closes the direction of this side: the peer reads what was
// written, then io.EOF. Writes that wait, and later ones, return net.ErrClosed.
// Reading goes on. It returns the error of Write if writing had ended already
// for another cause than CloseWrite.
func (d *Dialogue) CloseWrite() error {
	s := &d.sendingHalf
	s.Lock()
	defer s.Unlock()
	if s.fin {
		return nil
	}
	if s.err != nil {
		return s.err
	}
	s.fin, s.err = true, net.ErrClosed
	d.wakeWriters()
	d.sendFIN()
	return nil
}

// sendFIN queues FIN if it is due and nobody writes: once, since nobody gets
// the turn to write any more when it is due. The lock is held.
func (d *Dialogue) sendFIN() {
	s := &d.sendingHalf
	if !s.fin || s.busy || !d.Begin() {
		return
	}
	_, _, _ = d.m.link.AppendData(d.id, nil, true, nil) // it fails only when nobody is left to be told
	d.Finish()
}

// stopWriting makes Write return err; the first cause stays.
func (d *Dialogue) stopWriting(err error) {
	s := &d.sendingHalf
	s.Lock()
	defer s.Unlock()
	if s.err == nil || err == net.ErrClosed {
		s.err = err
	}
	if err == net.ErrClosed {
		s.due.stop()
	}
	d.wakeWriters()
}

func (d *Dialogue) wakeWriters() {
	s := &d.sendingHalf
	if s.writer != nil {
		s.writer.Wake()
	}
	s.turn.WakeAll()
}

// SetWriteDeadline sets when writes, also those under way, return
// os.ErrDeadlineExceeded; zero is never. It returns nil.
func (d *Dialogue) SetWriteDeadline(t time.Time) error {
	s := &d.sendingHalf
	s.Lock()
	defer s.Unlock()
	if s.err == net.ErrClosed {
		return nil
	}
	if s.due == nil {
		s.due = new(deadline)
	}
	if s.due.set(t, d.writeExpired) {
		d.wakeWriters()
	}
	return nil
}

func (d *Dialogue) writeExpired() {
	s := &d.sendingHalf
	s.Lock()
	if s.due.due(time.Now()) {
		d.wakeWriters()
	}
	s.Unlock()
}
