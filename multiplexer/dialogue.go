package multiplexer

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/credit"
	"github.com/singchia/geminio/pkg/wait"
)

// Bits of Dialogue.appending: the lower ones count who is appending frames.
const (
	closingBit int64 = 1 << 62 // END is queued when nobody appends any more
	endedBit   int64 = 1 << 61 // it has been
)

// bits are what a dialogue owes the peer; the multiplexer's dmu guards them.
type bits uint8

const (
	oweCredit  bits = 1 << iota // a higher limit
	oweBlocked                  // that a writer waits
)

// windows are what a dialogue begins with, in bytes.
type windows struct {
	send                          uint64
	receive                       int
	sendMessages, receiveMessages int
}

// A Dialogue is one stream of bytes in each direction. It is a net.Conn but for
// its addresses; its methods may be called at once.
type Dialogue struct {
	// immutable once the dialogue is in the table
	m               *Multiplexer
	id              uint32
	opener          bool // this side opened it
	sendMessages    uint32
	receiveMessages uint32
	receiver        Receiver
	about           *about // nil: the opener said nothing

	appending atomic.Int64  // closingBit, endedBit, and who appends
	ending    atomic.Uint32 // an Ending

	// the multiplexer's mu guards these
	sentEnd bool // nothing of ours follows
	gotEnd  bool // nothing of the peer's follows

	bits bits // the multiplexer's dmu guards it

	receiving struct {
		sync.Mutex
		half    half
		discard bool // nobody will read
		line    bool // this dialogue stands in the multiplexer's wake list
		buffer  buffer
		err     error      // what Read returns behind the buffer; nil: it waits
		readers wait.Queue // those who wait for bytes
		due     *deadline  // nil before the first
	}
	window credit.Window // receiving's lock guards it

	sendingHalf struct {
		sync.Mutex
		busy     bool                 // somebody has the turn to write
		starved  bool                 // the writer waits for credit
		fin      bool                 // FIN is to follow what is being written
		answered bool                 // the peer has accepted the stream
		err      error                // what Write returns; nil: it may write
		writer   *wait.Waiter         // what the one who has the turn waits with, nil if it does not
		turn     wait.Queue           // those who wait for the turn
		told     uint64               // the limit for which BLOCKED was said, +1
		due      *deadline            // nil before the first
		frames   *frames              // those queued, where their number is limited
		refused  *geminio.StreamError // the peer has reset the stream
		opening  *wait.Waiter         // waits for answered or refused
	}
	limit, sent uint64 // sendingHalf's lock guards them
}

func newDialogue(m *Multiplexer, opener bool, w windows) *Dialogue {
	d := &Dialogue{
		m: m, opener: opener, limit: w.send,
		sendMessages: uint32(w.sendMessages), receiveMessages: uint32(w.receiveMessages),
		window: credit.NewWindow(m.cfg.Budget, w.receive, m.cfg.MaxStreamWindow, m.cfg.MinStreamWindow),
	}
	if m.cfg.WriteQueue > 0 {
		d.sendingHalf.frames = &frames{marks: make([]uint64, m.cfg.WriteQueue)}
	}
	return d
}

// StreamID returns the number that both sides know the stream by.
func (d *Dialogue) StreamID() uint64 { return uint64(d.id) }

// Side tells whether this side opened the stream; the default stream was
// opened by the client.
func (d *Dialogue) Side() geminio.Side {
	if d.opener {
		return geminio.InitiatorSide
	}
	return geminio.RecipientSide
}

// Receiver returns what takes the frames that are not bytes.
func (d *Dialogue) Receiver() Receiver { return d.receiver }

// SendMessageWindow returns the first credit that the peer gives for messages.
func (d *Dialogue) SendMessageWindow() int { return int(d.sendMessages) }

// MessageWindow returns the first credit that the peer is given for messages.
func (d *Dialogue) MessageWindow() int { return int(d.receiveMessages) }

// Ending returns how the dialogue ended, 0 while it lives.
func (d *Dialogue) Ending() Ending { return Ending(d.ending.Load()) }

// Begin must be called before frames of the stream are appended to the link,
// and Finish after it: they leave before the stream's END. It returns false
// once the dialogue is closing; then nothing may be appended, and Finish not
// be called.
func (d *Dialogue) Begin() bool {
	if d.appending.Add(1)&closingBit == 0 {
		return true
	}
	d.Finish()
	return false
}

// Finish ends what Begin began.
func (d *Dialogue) Finish() {
	if d.appending.Add(-1) == closingBit {
		d.queueEnd()
	}
}

// startEnd has END queued when nobody appends any more.
func (d *Dialogue) startEnd() {
	if d.appending.Or(closingBit) == 0 {
		d.queueEnd()
	}
}

func (d *Dialogue) queueEnd() {
	if d.appending.CompareAndSwap(closingBit, closingBit|endedBit) {
		d.m.link.AppendEnd(d.id)
		d.markSentEnd()
	}
}

// markSentEnd notes that nothing of ours follows.
func (d *Dialogue) markSentEnd() {
	m := d.m
	m.mu.Lock()
	if d.sentEnd {
		m.mu.Unlock()
		return
	}
	d.sentEnd = true
	m.sending--
	m.mu.Unlock()
	m.retired(d)
	m.shutdown()
}

func (d *Dialogue) markGotEnd() {
	d.m.mu.Lock()
	d.gotEnd = true
	d.m.mu.Unlock()
	d.m.retired(d)
}

// Close ends the stream on both sides. What was written is delivered first;
// what was received and not read is dropped. Blocked reads and writes, and
// later ones, return net.ErrClosed. It returns nil, at once, also the second
// time.
func (d *Dialogue) Close() error {
	d.stopWriting(net.ErrClosed)
	d.stopReading(net.ErrClosed, true)
	d.startEnd()
	d.over(ClosedHere)
	return nil
}

// endByPeer ends the stream because nothing of the peer's follows: cause tells
// what was lost, if why is Lost. What was received can still be read.
func (d *Dialogue) endByPeer(why Ending, cause error) {
	if why == Lost {
		d.stopWriting(cause)
		d.stopReading(cause, false)
	} else {
		d.stopWriting(&geminio.StreamError{Remote: true})
		d.stopReading(io.EOF, false)
	}
	d.startEnd()
	d.markGotEnd()
	d.over(why)
}

// over tells the receiver, once, that the dialogue has ended.
func (d *Dialogue) over(why Ending) {
	if !d.ending.CompareAndSwap(0, uint32(why)) {
		return
	}
	d.sendingHalf.Lock()
	if w := d.sendingHalf.opening; w != nil {
		w.Wake()
	}
	d.sendingHalf.Unlock()
	d.receiver.HandleOver(why)
}

// Accept tells the peer that the stream which it opened was accepted.
func (d *Dialogue) Accept() {
	if !d.Begin() {
		return // it has been closed: END answers as well
	}
	defer d.Finish()
	h := packet.Header{Type: packet.TypeOpened, Stream: d.id}
	_, _ = d.m.link.Append(packet.Messages, h, nil, nil, nil, nil) // it fails only when nobody is left to be told
}

// Refuse tells the peer that the stream which it opened is refused, and why.
// The dialogue is over, without HandleOver.
func (d *Dialogue) Refuse(code uint32, text string) {
	if !d.ending.CompareAndSwap(0, uint32(ClosedHere)) {
		return
	}
	d.stopWriting(net.ErrClosed)
	d.stopReading(net.ErrClosed, true)
	if d.appending.Or(closingBit|endedBit)&closingBit == 0 {
		h := packet.Header{Type: packet.TypeReset, Stream: d.id}
		_, _ = d.m.link.Append(packet.Control, h, packet.AppendReset(nil, code, text), nil, nil, nil) // as above
		d.markSentEnd()
	}
	d.markGotEnd()
}

// AwaitOpened waits until the peer has accepted the stream. The error is a
// *geminio.StreamError if it refused, io.EOF if the stream ended, or ctx.Err().
// One goroutine at a time may call it.
func (d *Dialogue) AwaitOpened(ctx context.Context) error {
	w := d.m.waiters.Get()
	defer w.Put()
	s := &d.sendingHalf
	s.Lock()
	defer s.Unlock()
	for {
		switch {
		case d.sendingHalf.answered:
			return nil
		case d.sendingHalf.refused != nil:
			return d.sendingHalf.refused
		case d.Ending() != 0:
			return io.EOF
		case ctx.Err() != nil:
			return ctx.Err()
		}
		d.sendingHalf.opening = w
		s.Unlock()
		select {
		case <-w.C:
		case <-ctx.Done():
		}
		s.Lock()
		d.sendingHalf.opening = nil
	}
}

// handleFrame takes a frame of the stream, but for DATA and BODY.
func (d *Dialogue) handleFrame(h packet.Header, payload []byte) error {
	switch h.Type {
	case packet.TypeOpened:
		return d.handleOpened()
	case packet.TypeCredit:
		c, err := packet.ParseCredit(payload)
		if err != nil {
			return err
		}
		return d.handleCredit(c.Limit)
	case packet.TypeBlocked:
		b, err := packet.ParseBlocked(h, payload)
		if err != nil {
			return err
		}
		if b.What != packet.BlockedStream {
			return d.receiver.HandleFrame(h, payload)
		}
		d.handleBlocked(b.At)
	case packet.TypeStopSending:
		if _, err := packet.ParseStopSending(payload); err != nil {
			return err
		}
		d.stopWriting(&geminio.StreamError{Remote: true, Code: uint32(packet.CodeCancelled)})
	case packet.TypeReset:
		r, err := packet.ParseReset(payload)
		if err != nil {
			return err
		}
		return d.handleReset(r)
	case packet.TypeEnd:
		if err := d.receive(markEnd); err != nil {
			return err
		}
		d.endByPeer(ClosedByPeer, nil)
	default:
		return d.receiver.HandleFrame(h, payload)
	}
	return nil
}

func (d *Dialogue) handleOpened() error {
	s := &d.sendingHalf
	s.Lock()
	defer s.Unlock()
	if d.sendingHalf.answered {
		return protocolError("OPENED of stream %d, which waits for none", d.id)
	}
	d.sendingHalf.answered = true
	if d.sendingHalf.opening != nil {
		d.sendingHalf.opening.Wake()
	}
	return nil
}

// handleReset ends the stream: the peer refuses it, or gives it up.
func (d *Dialogue) handleReset(r packet.Reset) error {
	if err := d.receive(markReset); err != nil {
		return err
	}
	code := max(r.Code, 1) // 0 is an orderly close
	err := &geminio.StreamError{Code: code, Remote: true, Text: string(r.Text)}
	d.sendingHalf.Lock()
	d.sendingHalf.refused = err
	d.sendingHalf.Unlock()
	d.stopWriting(err)
	d.stopReading(err, false)
	if d.appending.Or(closingBit|endedBit)&endedBit == 0 {
		d.markSentEnd() // RESET has ended our direction too: no END follows
	}
	d.markGotEnd()
	d.over(ClosedByPeer)
	return nil
}

// receive moves the receiving half on.
func (d *Dialogue) receive(m mark) error {
	r := &d.receiving
	r.Lock()
	defer r.Unlock()
	return d.receiveLocked(m)
}

func (d *Dialogue) receiveLocked(m mark) error {
	next, ok := d.receiving.half.step(m)
	if !ok {
		return protocolError("stream %d is %v", d.id, d.receiving.half)
	}
	d.receiving.half = next
	return nil
}

// compose appends the frames that the state bits owe.
func (d *Dialogue) compose(owed bits, now time.Time, rtt time.Duration) {
	if owed&oweCredit != 0 {
		d.composeCredit(now, rtt)
	}
	if owed&oweBlocked != 0 {
		d.composeBlocked()
	}
}

// SetDeadline sets both deadlines, as net.Conn's does.
func (d *Dialogue) SetDeadline(t time.Time) error {
	_ = d.SetReadDeadline(t) // neither fails
	return d.SetWriteDeadline(t)
}
