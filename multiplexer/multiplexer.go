package multiplexer

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/credit"
	"github.com/singchia/geminio/pkg/slab"
	"github.com/singchia/geminio/pkg/wait"
)

// defaultStream is the id of the stream that exists from the start.
const defaultStream = 1

// maxStreamID is the largest id that the wire carries.
const maxStreamID = 1<<31 - 1

// Config is what a Multiplexer is made with; sizes are in bytes.
type Config struct {
	Budget *credit.Budget // what all windows share beyond their guaranteed parts
	Memory int            // the size of that budget

	StreamWindow    int // the first window of a stream's bytes
	MaxStreamWindow int
	MinStreamWindow int // guaranteed

	MessageWindow       int // the first window of the default stream's messages
	StreamMessageWindow int // that of other streams
	MinMessageWindow    int

	// WriteQueue is how many DATA frames of a stream may wait to be written
	// before its writers wait; 0: only the connection's queue limits them.
	WriteQueue int

	MaxStreams  int // streams of the peer at once
	OpenBacklog int // streams of the peer that are not accepted

	Peer *packet.Hello // what the peer allows at first; it is not changed
}

// A ProtocolError says which rule of docs/wire.md the peer broke. It ends the
// connection.
type ProtocolError struct{ Reason string }

// Error returns the rule.
func (e *ProtocolError) Error() string { return "protocol error: " + e.Reason }

func protocolError(format string, args ...any) error {
	return &ProtocolError{fmt.Sprintf(format, args...)}
}

// A Multiplexer is the table of dialogues of one connection. It is what the
// connection calls its handler.
type Multiplexer struct {
	link    Link
	owner   Owner
	cfg     Config
	first   *Dialogue
	unread  atomic.Int64 // bytes in the buffers of all dialogues
	waiters wait.Pool

	last atomic.Pointer[Dialogue] // the one that the reader found last

	mu        sync.Mutex
	dialogues map[uint32]*Dialogue
	sending   int    // dialogues whose END is not queued
	nextID    uint32 // the next that this side opens
	lastPeer  uint32 // the last that the peer opened
	closing   bool
	shut      bool // Shutdown was called
	opens     opens
	peerOpens peerOpens

	dmu   sync.Mutex
	dirty []*Dialogue // those with state bits
	spare []*Dialogue
	some  atomic.Bool // dirty, or the open credit, wants Compose

	wake []*Dialogue // reader only: whose readers are woken when the batch ends
}

// New returns the multiplexer of one connection, with its default dialogue.
func New(link Link, owner Owner, cfg Config) *Multiplexer {
	m := &Multiplexer{link: link, owner: owner, cfg: cfg, dialogues: make(map[uint32]*Dialogue, 1), nextID: 2}
	if link.Client() {
		m.nextID = 3
	}
	_ = m.opens.allow(cfg.Peer.OpenCredit) // the first one fits
	m.peerOpens = newPeerOpens(cfg)
	cfg.Budget.Reserve(cfg.StreamWindow - cfg.MinStreamWindow)

	d := newDialogue(m, link.Client(), windows{
		send: uint64(cfg.Peer.StreamWindow), receive: cfg.StreamWindow,
		sendMessages: int(cfg.Peer.MessageWindow), receiveMessages: cfg.MessageWindow,
	})
	d.id = defaultStream
	d.sendingHalf.answered = true
	m.first = d
	m.dialogues[d.id] = d
	m.sending++
	d.receiver = owner.NewDialogue(d)
	return m
}

// Link returns the connection below.
func (m *Multiplexer) Link() Link { return m.link }

// Waiter returns a waiter of the connection's pool.
func (m *Multiplexer) Waiter() *wait.Waiter { return m.waiters.Get() }

// Default returns the dialogue that exists from the start.
func (m *Multiplexer) Default() *Dialogue { return m.first }

// Range calls f for every dialogue that is not over, lowest id first. f is
// called without locks.
func (m *Multiplexer) Range(f func(*Dialogue)) {
	for _, d := range m.snapshot() {
		if d.Ending() == 0 {
			f(d)
		}
	}
}

func (m *Multiplexer) snapshot() []*Dialogue {
	m.mu.Lock()
	all := make([]*Dialogue, 0, len(m.dialogues))
	for _, d := range m.dialogues {
		all = append(all, d)
	}
	m.mu.Unlock()
	slices.SortFunc(all, func(a, b *Dialogue) int { return int(a.id) - int(b.id) })
	return all
}

// Open opens a dialogue. It waits for credit for it, and for room in the
// connection's queue, under ctx, but not for the peer's answer: the dialogue
// can be used at once. The error is io.EOF once the connection is closing,
// packet.ErrPacketTooLarge if meta and peer are too long together, or
// ctx.Err().
func (m *Multiplexer) Open(ctx context.Context, meta []byte, peer string) (*Dialogue, error) {
	if len(meta)+len(peer) > packet.MaxMeta {
		return nil, packet.ErrPacketTooLarge
	}
	w := m.waiters.Get()
	defer w.Put()
	if err := m.reserveOpen(ctx, w); err != nil {
		return nil, err
	}
	s, msg := m.cfg.openWindows(1, m.cfg.Budget.Left())
	own := packet.CreditOpen{StreamWindow: uint32(s), MessageWindow: uint32(msg)}
	m.cfg.Budget.Reserve(m.cfg.beyond(own))
	d := newDialogue(m, true, windows{receive: s, receiveMessages: msg})
	d.about = aboutOf(slices.Clone(meta), peer)
	d.receiver = m.owner.NewDialogue(d)
	for {
		err := m.open(d, w)
		if err != wait.ErrMustWait {
			if err != nil {
				m.dropOpen(own)
				return nil, io.EOF
			}
			return d, nil
		}
		select {
		case <-w.C:
		case <-ctx.Done():
			m.link.Withdraw(w)
			m.dropOpen(own)
			return nil, ctx.Err()
		}
	}
}

// open gives d its id and queues its OPEN, under one lock: ids rise on the
// wire, and the peer's first frame finds the dialogue.
func (m *Multiplexer) open(d *Dialogue, w *wait.Waiter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing || m.nextID > maxStreamID {
		m.link.Withdraw(w)
		return io.EOF
	}
	streamWindow, messageWindow := m.opens.windows()
	d.id = m.nextID
	d.limit, d.sendMessages = uint64(streamWindow), uint32(messageWindow)
	h := packet.Header{Type: packet.TypeOpen, Stream: d.id}
	fields := packet.AppendOpen(nil, packet.Open{
		StreamWindow: uint32(d.window.Limit()), MessageWindow: d.receiveMessages,
		Meta: d.Meta(), Peer: []byte(d.Peer()),
	})
	m.dialogues[d.id] = d
	if _, err := m.link.Append(packet.Control, h, fields, nil, nil, w); err != nil {
		delete(m.dialogues, d.id)
		return err
	}
	m.nextID += 2
	m.sending++
	m.opens.used++
	m.opens.reserved--
	return nil
}

// Close closes every dialogue and, when the last of their ENDs is queued, asks
// for the end of the connection. It does not wait.
func (m *Multiplexer) Close() {
	m.mu.Lock()
	m.closing = true
	m.opens.wait.WakeAll()
	m.mu.Unlock()
	for _, d := range m.snapshot() {
		d.Close()
	}
	m.shutdown()
}

// shutdown asks for the end of the connection once that is wanted and every
// END is queued.
func (m *Multiplexer) shutdown() {
	m.mu.Lock()
	ready := m.closing && m.sending == 0 && !m.shut
	m.shut = m.shut || ready
	m.mu.Unlock()
	if ready {
		m.link.Shutdown(uint16(packet.CodeClosed), "")
	}
}

// find returns the dialogue that a frame of the peer names: nil, without an
// error, for one that has been retired.
func (m *Multiplexer) find(h packet.Header) (*Dialogue, error) {
	if d := m.last.Load(); d != nil && d.id == h.Stream {
		return d, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.dialogues[h.Stream]
	if d != nil {
		m.last.Store(d)
		return d, nil
	}
	opened := m.lastPeer
	if h.Stream&1 == m.nextID&1 {
		opened = m.nextID - 2
	}
	if h.Stream > opened && h.Stream != defaultStream {
		return nil, protocolError("%v for stream %d, which was never opened", h.Type, h.Stream)
	}
	return nil, nil
}

// retired takes d out of the table if both sides have said their last, and
// queues what follows from that.
func (m *Multiplexer) retired(d *Dialogue) {
	m.mu.Lock()
	gone := d.sentEnd && d.gotEnd && m.dialogues[d.id] == d
	if gone {
		delete(m.dialogues, d.id)
		m.last.CompareAndSwap(d, nil)
		if !d.opener && d.id != defaultStream {
			m.peerOpens.finished++
		}
	}
	due := m.peerOpens.due()
	m.mu.Unlock()
	if gone && due {
		m.kick()
	}
}

// HandleFrame takes the frames of streams, and hands up what is not the
// multiplexer's.
func (m *Multiplexer) HandleFrame(h packet.Header, payload []byte) error {
	switch {
	case h.Type == packet.TypeOpen:
		return m.handleOpen(h, payload)
	case h.Type == packet.TypeCreditOpen:
		return m.handleCreditOpen(payload)
	case h.Stream == 0:
		return m.owner.HandleFrame(h, payload)
	}
	d, err := m.find(h)
	switch {
	case d != nil:
		return d.handleFrame(h, payload)
	case err == nil && (h.Type == packet.TypeRequest || h.Type == packet.TypeResponse):
		return m.owner.HandleFrame(h, payload) // its credit is the connection's
	}
	return err
}

// HandleData takes bytes of a stream.
func (m *Multiplexer) HandleData(h packet.Header, off int, part []byte, s *slab.Slab) error {
	d, err := m.find(h)
	if d == nil {
		return err
	}
	return d.handleData(h, off, part, s)
}

// HandleBody takes bytes of a body that was announced.
func (m *Multiplexer) HandleBody(h packet.Header, b packet.BodyHead, off int, part []byte) error {
	d, err := m.find(h)
	if d == nil {
		return err
	}
	last := h.Flags&packet.FlagMORE == 0 && off+len(part) == h.Length-packet.BodyHeadLen
	return d.receiver.HandleBody(uint8(b.Kind), b.ID, part, last)
}

// EndBatch wakes the readers of the dialogues that have received something.
func (m *Multiplexer) EndBatch() {
	for i, d := range m.wake {
		d.wakeReader()
		m.wake[i] = nil
	}
	m.wake = m.wake[:0]
	m.owner.EndBatch()
}

// markDirty notes that d owes the peer a frame, which the flusher will compose.
func (m *Multiplexer) markDirty(d *Dialogue, bit bits) {
	m.dmu.Lock()
	if d.bits == 0 {
		m.dirty = append(m.dirty, d)
	}
	d.bits |= bit
	m.dmu.Unlock()
	m.kick()
}

func (m *Multiplexer) kick() {
	m.some.Store(true)
	m.link.Kick()
}

// Compose appends the frames that state bits owe.
func (m *Multiplexer) Compose() {
	if m.some.Swap(false) {
		m.composeOpens()
		m.dmu.Lock()
		dirty := m.dirty
		m.dirty = m.spare[:0]
		m.dmu.Unlock()
		now, rtt := time.Now(), m.link.RTT()
		for i, d := range dirty {
			m.dmu.Lock()
			owed := d.bits
			d.bits = 0
			m.dmu.Unlock()
			d.compose(owed, now, rtt)
			dirty[i] = nil
		}
		m.dmu.Lock()
		m.spare = dirty[:0]
		m.dmu.Unlock()
	}
	m.owner.Compose()
}

// HandleClose ends every dialogue: the peer has closed the connection.
func (m *Multiplexer) HandleClose(code packet.Code, text string) {
	m.endAll(ClosedByPeer, nil)
	m.owner.HandleClose(uint16(code), text)
}

// HandleClosed ends every dialogue: the connection has ended.
func (m *Multiplexer) HandleClosed(err error) {
	why := Lost
	if err == nil {
		why = ClosedByPeer
	}
	m.endAll(why, err)
	m.owner.HandleClosed(err)
}

func (m *Multiplexer) endAll(why Ending, cause error) {
	m.mu.Lock()
	m.closing = true
	m.opens.wait.WakeAll()
	m.mu.Unlock()
	for _, d := range m.snapshot() {
		d.endByPeer(why, cause)
	}
}
