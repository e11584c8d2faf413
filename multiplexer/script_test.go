package multiplexer

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
	"github.com/singchia/geminio/pkg/wait"
)

// A frame is what was appended to a scripted link; Shutdown is one of type
// CLOSE.
type frame struct {
	class packet.Class
	h     packet.Header
	b     []byte
}

// errGone is what a scripted link answers when it has ended.
var errGone = geminio.ErrBusy // any error that the multiplexer must not hand on

// A scriptLink is a Link without a connection: it records what is appended.
type scriptLink struct {
	notComposed bool // what is queued stays so
	client      bool
	rtt         time.Duration
	pinned      int
	onData      func() // called when a DATA frame is about to be appended

	mu     sync.Mutex
	frames []frame
	full   bool // writers must wait
	ended  bool // nothing is taken any more
	room   wait.Queue
	kicks  int
}

func (l *scriptLink) Client() bool       { return l.client }
func (l *scriptLink) RTT() time.Duration { return l.rtt }
func (l *scriptLink) Pinned() int        { return l.pinned }
func (l *scriptLink) Offline()           {}

func (l *scriptLink) Kick() {
	l.mu.Lock()
	l.kicks++
	l.mu.Unlock()
}

// admit tells what an append with w must return now.
func (l *scriptLink) admit(w *wait.Waiter) error {
	switch {
	case l.ended:
		if w != nil {
			l.room.Remove(w)
		}
		return errGone
	case w == nil:
	case l.full:
		if !l.room.Has(w) {
			l.room.Push(w)
		}
		return wait.ErrMustWait
	default:
		l.room.Remove(w)
	}
	return nil
}

func (l *scriptLink) Append(class packet.Class, h packet.Header, fields, a, b []byte, w *wait.Waiter) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.admit(w); err != nil {
		return 0, err
	}
	payload := bytes.Join([][]byte{fields, a, b}, nil)
	h.Length = len(payload)
	l.frames = append(l.frames, frame{class, h, payload})
	return 0, nil
}

func (l *scriptLink) AppendData(stream uint32, p []byte, fin bool, w *wait.Waiter) (int, uint64, error) {
	if l.onData != nil && !fin {
		l.onData()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.admit(w); err != nil {
		return 0, 0, err
	}
	n := min(len(p), packet.MaxPayload)
	h := packet.Header{Type: packet.TypeData, Stream: stream, Length: n}
	if fin && n == len(p) {
		h.Flags = packet.FlagFIN
	}
	l.frames = append(l.frames, frame{packet.Bulk, h, bytes.Clone(p[:n])})
	return n, 1, nil
}

func (l *scriptLink) AppendEnd(stream uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.frames = append(l.frames, frame{packet.Control, packet.Header{Type: packet.TypeEnd, Stream: stream}, nil})
	}
}

func (l *scriptLink) Shutdown(uint16, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames = append(l.frames, frame{packet.Control, packet.Header{Type: packet.TypeClose}, nil})
}

func (l *scriptLink) Withdraw(w *wait.Waiter) {
	l.mu.Lock()
	l.room.Remove(w)
	l.mu.Unlock()
}

func (l *scriptLink) Composed(packet.Class, uint64) bool { return true }
func (l *scriptLink) AwaitComposed(_ packet.Class, mark uint64, _ *wait.Waiter) bool {
	return mark == 0 || !l.notComposed
}

// take returns the frames appended since it was called last.
func (l *scriptLink) take() []frame {
	l.mu.Lock()
	defer l.mu.Unlock()
	frames := l.frames
	l.frames = nil
	return frames
}

func (l *scriptLink) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.room.Len()
}

// setFull makes writers wait, or go on.
func (l *scriptLink) setFull(full bool) {
	l.mu.Lock()
	l.full = full
	l.room.WakeAll()
	l.mu.Unlock()
}

// end makes the link refuse everything.
func (l *scriptLink) end() {
	l.mu.Lock()
	l.ended = true
	l.room.WakeAll()
	l.mu.Unlock()
}

// A scripted is a multiplexer over a scripted link. It is the owner, and the
// test plays the peer.
type scripted struct {
	t      testing.TB
	link   *scriptLink
	m      *Multiplexer
	onNew  func(*Dialogue) // called by NewDialogue
	closed []error

	mu     sync.Mutex
	opened []*Dialogue
	over   map[*Dialogue][]Ending
	got    []frame // what receivers were handed
}

// receiver is that of one dialogue.
type receiver struct {
	s *scripted
	d *Dialogue
}

func (r receiver) HandleFrame(h packet.Header, payload []byte) error {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.s.got = append(r.s.got, frame{h: h, b: bytes.Clone(payload)})
	return nil
}
func (r receiver) HandleBody(uint8, uint64, []byte, bool) error { return nil }

// HandleOver gives back the window for messages, as an application would.
func (r receiver) HandleOver(why Ending) {
	if r.d != r.s.m.Default() {
		r.s.m.cfg.Budget.Give(r.d.MessageWindow() - r.s.m.cfg.MinMessageWindow)
	}
	r.s.mu.Lock()
	r.s.over[r.d] = append(r.s.over[r.d], why)
	r.s.mu.Unlock()
}

func (s *scripted) NewDialogue(d *Dialogue) Receiver {
	if s.onNew != nil {
		s.onNew(d)
	}
	return receiver{s, d}
}

func (s *scripted) HandleOpen(d *Dialogue) {
	s.mu.Lock()
	s.opened = append(s.opened, d)
	s.mu.Unlock()
}
func (s *scripted) HandleFrame(packet.Header, []byte) error { return nil }
func (s *scripted) Compose()                                {}
func (s *scripted) EndBatch()                               {}
func (s *scripted) HandleClose(uint16, string)              {}
func (s *scripted) HandleClosed(err error)                  { s.closed = append(s.closed, err) }

// overs returns how often, and how, HandleOver was called for d.
func (s *scripted) overs(d *Dialogue) []Ending {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Ending(nil), s.over[d]...)
}

// newScripted returns a client whose peer gives the windows of config, after
// change.
func newScripted(t testing.TB, change func(*Config)) *scripted {
	return newScriptedSide(t, true, change)
}

func newScriptedSide(t testing.TB, client bool, change func(*Config)) *scripted {
	t.Helper()
	cfg := config(offer())
	if change != nil {
		change(&cfg)
	}
	s := &scripted{t: t, link: &scriptLink{client: client}, over: make(map[*Dialogue][]Ending)}
	s.m = New(s.link, s, cfg)
	t.Cleanup(func() {
		s.link.end()
		s.m.HandleClosed(geminio.ErrSessionLost)
	})
	return s
}

// data has the peer send one DATA frame.
func (s *scripted) data(stream uint32, b []byte, flags packet.Flags) error {
	return s.dataIn(stream, b, flags, nil)
}

// dataIn is data with bytes that lie in a slab.
func (s *scripted) dataIn(stream uint32, b []byte, flags packet.Flags, in *slab.Slab) error {
	h := packet.Header{Type: packet.TypeData, Flags: flags, Stream: stream, Length: len(b)}
	err := s.m.HandleData(h, 0, b, in)
	s.m.EndBatch()
	return err
}

// frame has the peer send one other frame.
func (s *scripted) frame(t packet.Type, stream uint32, payload []byte) error {
	h := packet.Header{Type: t, Stream: stream, Length: len(payload)}
	err := s.m.HandleFrame(h, payload)
	s.m.EndBatch()
	return err
}

func (s *scripted) credit(stream uint32, limit uint64) {
	s.t.Helper()
	require.NoError(s.t, s.frame(packet.TypeCredit, stream, packet.AppendCredit(nil, packet.Credit{Limit: limit})))
}

func (s *scripted) blocked(stream uint32, at uint64) {
	s.t.Helper()
	b := packet.AppendBlocked(nil, packet.Blocked{What: packet.BlockedStream, At: at})
	require.NoError(s.t, s.frame(packet.TypeBlocked, stream, b))
}

func (s *scripted) stop(stream uint32) error {
	return s.frame(packet.TypeStopSending, stream, packet.AppendStopSending(nil, packet.StopSending{Code: uint32(packet.CodeCancelled)}))
}

func (s *scripted) reset(stream uint32, code uint32, text string) error {
	return s.frame(packet.TypeReset, stream, packet.AppendReset(nil, code, text))
}

func (s *scripted) end(stream uint32) error { return s.frame(packet.TypeEnd, stream, nil) }

// peerOpens has the peer open a stream.
func (s *scripted) peerOpens(stream uint32) error {
	return s.frame(packet.TypeOpen, stream, packet.AppendOpen(nil, packet.Open{StreamWindow: 256 << 10, MessageWindow: 64 << 10}))
}

// mustOpen opens a stream on this side.
func (s *scripted) mustOpen() *Dialogue {
	s.t.Helper()
	d, err := s.m.Open(context.Background(), nil, "")
	require.NoError(s.t, err)
	return d
}

// compose has the flusher ask for what is owed and returns those frames.
func (s *scripted) compose() []frame {
	s.link.take()
	s.m.Compose()
	return s.link.take()
}

// of returns the frames of one type.
func of(frames []frame, t packet.Type) []frame {
	var some []frame
	for _, f := range frames {
		if f.h.Type == t {
			some = append(some, f)
		}
	}
	return some
}

// bytesOf returns the bytes of the DATA frames of a stream.
func bytesOf(frames []frame, stream uint32) []byte {
	var b []byte
	for _, f := range of(frames, packet.TypeData) {
		if f.h.Stream == stream {
			b = append(b, f.b...)
		}
	}
	return b
}

// until waits for something that another goroutine makes true.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	require.Eventually(t, cond, 20*time.Second, 200*time.Microsecond, what)
}

// A result is that of a Read, Write or the like on another goroutine.
type result struct {
	n   int64
	err error
}

// begin runs f on a goroutine of its own.
func begin(f func() (int64, error)) <-chan result {
	done := make(chan result, 1)
	go func() {
		n, err := f()
		done <- result{n, err}
	}()
	return done
}

func beginWrite(d *Dialogue, p []byte) <-chan result {
	return begin(func() (int64, error) {
		n, err := d.Write(p)
		return int64(n), err
	})
}

func beginRead(d *Dialogue, p []byte) <-chan result {
	return begin(func() (int64, error) {
		n, err := d.Read(p)
		return int64(n), err
	})
}

// sleeping tells whether a writer waits for credit or room, reading whether a
// reader waits for bytes.
func (d *Dialogue) sleeping() bool {
	d.sendingHalf.Lock()
	defer d.sendingHalf.Unlock()
	return d.sendingHalf.writer != nil
}

func (d *Dialogue) readersWaiting() int {
	d.receiving.Lock()
	defer d.receiving.Unlock()
	return d.receiving.readers.Len()
}

// inTurn returns how many writers wait for the turn.
func (d *Dialogue) inTurn() int {
	d.sendingHalf.Lock()
	defer d.sendingHalf.Unlock()
	return d.sendingHalf.turn.Len()
}
