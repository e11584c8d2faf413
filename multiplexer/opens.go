package multiplexer

import (
	"context"
	"io"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

// A grant says which windows the streams up to upto, in the order of their
// opening, begin with.
type grant struct {
	upto                        uint32
	streamWindow, messageWindow uint32
}

// take drops the grants below the n-th stream and returns that stream's.
func take(grants []grant, n uint32) ([]grant, grant) {
	for len(grants) > 1 && grants[0].upto < n {
		grants = grants[1:]
	}
	return grants, grants[0]
}

// opens is the credit that the peer gives for streams, guarded by the
// multiplexer's lock.
type opens struct {
	limit    uint32 // streams that may ever be opened
	used     uint32 // streams opened
	reserved uint32 // of the rest, taken by an Open that has not queued its OPEN
	grants   []grant
	wait     wait.Queue
}

// mostGrants bounds the memory that unused grants take: a peer that gives open
// credit in more pieces than this, ahead of its use, only wants to fill it.
const mostGrants = 16 << 10

// allow notes a grant, unless it allows nothing newly. One with the windows of
// the last extends that.
func (o *opens) allow(c packet.CreditOpen) error {
	switch {
	case c.Opens < o.limit:
		return protocolError("the credit for streams fell from %d to %d", o.limit, c.Opens)
	case c.Opens == o.limit:
		return nil
	}
	g := grant{c.Opens, c.StreamWindow, c.MessageWindow}
	switch n := len(o.grants); {
	case n > 0 && o.grants[n-1].streamWindow == g.streamWindow && o.grants[n-1].messageWindow == g.messageWindow:
		o.grants[n-1].upto = g.upto
	case n == mostGrants:
		return protocolError("more than %d CREDIT_OPEN ahead", n)
	default:
		o.grants = append(o.grants, g)
	}
	o.limit = c.Opens
	return nil
}

// windows returns those of the next stream.
func (o *opens) windows() (streamWindow, messageWindow uint32) {
	var g grant
	o.grants, g = take(o.grants, o.used+1)
	return g.streamWindow, g.messageWindow
}

// next wakes who has waited longest, if there is credit for it.
func (o *opens) next() {
	if w := o.wait.Front(); w != nil && o.used+o.reserved < o.limit {
		w.Wake()
	}
}

// reserveOpen waits for credit for one stream.
func (m *Multiplexer) reserveOpen(ctx context.Context, w *wait.Waiter) error {
	for first := true; ; first = false {
		if err := ctx.Err(); err != nil {
			m.leaveOpens(w)
			return err
		}
		m.mu.Lock()
		o := &m.opens
		turn := o.wait.Front() == w || first && o.wait.Len() == 0
		switch {
		case m.closing:
			o.wait.Remove(w)
			m.mu.Unlock()
			return io.EOF
		case turn && o.used+o.reserved < o.limit:
			o.wait.Remove(w)
			o.reserved++
			o.next()
			m.mu.Unlock()
			return nil
		case !o.wait.Has(w):
			o.wait.Push(w)
		}
		m.mu.Unlock()
		select {
		case <-w.C:
		case <-ctx.Done():
		}
	}
}

func (m *Multiplexer) leaveOpens(w *wait.Waiter) {
	m.mu.Lock()
	if m.opens.wait.Remove(w) {
		m.opens.next()
	}
	m.mu.Unlock()
}

// dropOpen gives back what reserveOpen took, and the windows reserved for it.
func (m *Multiplexer) dropOpen(own packet.CreditOpen) {
	m.cfg.Budget.Give(m.cfg.beyond(own))
	m.mu.Lock()
	m.opens.reserved--
	m.opens.next()
	m.mu.Unlock()
}

func (m *Multiplexer) handleCreditOpen(payload []byte) error {
	c, err := packet.ParseCreditOpen(payload)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	err = m.opens.allow(c)
	m.opens.next()
	return err
}

// peerOpens is the credit that the peer is given for streams, guarded by the
// multiplexer's lock.
type peerOpens struct {
	backlog, most uint32

	allowed  uint32 // streams that it may ever open
	opened   uint32 // that it has opened
	accepted uint32 // that the application has taken or refused
	finished uint32 // that are gone
	grants   []grant
}

// FirstOpens returns the open credit of the handshake: the backlog, with first
// windows that leave half of the memory for windows to grow.
func FirstOpens(cfg Config) packet.CreditOpen {
	n := min(cfg.OpenBacklog, cfg.mostStreams())
	s, msg := cfg.openWindows(n, cfg.Memory)
	return packet.CreditOpen{Opens: uint32(n), StreamWindow: uint32(s), MessageWindow: uint32(msg)}
}

// mostStreams is how many streams of the peer there may be: what they are
// guaranteed must not be more than the memory of all windows.
func (cfg Config) mostStreams() int {
	return min(cfg.MaxStreams, max(1, cfg.Memory/(cfg.MinStreamWindow+cfg.MinMessageWindow)))
}

// openWindows returns the first windows of n streams when left bytes of the
// budget are free: they shrink towards the guaranteed parts as it is used.
func (cfg Config) openWindows(n, left int) (stream, message int) {
	each := max(0, left) / 2 / max(1, n)
	extra := min(each, cfg.StreamWindow-cfg.MinStreamWindow)
	each -= extra
	return cfg.MinStreamWindow + extra, cfg.MinMessageWindow + min(each, cfg.StreamMessageWindow-cfg.MinMessageWindow)
}

func newPeerOpens(cfg Config) peerOpens {
	first := FirstOpens(cfg)
	p := peerOpens{backlog: uint32(cfg.OpenBacklog), most: uint32(cfg.mostStreams()), allowed: first.Opens}
	p.grants = append(p.grants, grant{first.Opens, first.StreamWindow, first.MessageWindow})
	cfg.Budget.Reserve(int(first.Opens) * cfg.beyond(first))
	return p
}

// beyond returns what the first windows of one stream hold beyond their
// guaranteed parts.
func (cfg Config) beyond(c packet.CreditOpen) int {
	return int(c.StreamWindow) - cfg.MinStreamWindow + int(c.MessageWindow) - cfg.MinMessageWindow
}

// due tells whether more streams should be allowed: the peer is about to run
// out, and more fit.
func (p *peerOpens) due() bool {
	return p.target() > p.allowed && p.allowed-p.opened <= p.backlog/2
}

func (p *peerOpens) target() uint32 {
	return min(p.accepted+p.backlog, p.finished+p.most)
}

// Accepted says that the application has taken, or refused, one more stream of
// the peer. It is called once for each.
func (m *Multiplexer) Accepted() {
	m.mu.Lock()
	m.peerOpens.accepted++
	due := m.peerOpens.due()
	m.mu.Unlock()
	if due {
		m.kick()
	}
}

// composeOpens appends the CREDIT_OPEN that is due.
func (m *Multiplexer) composeOpens() {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &m.peerOpens
	if !p.due() || m.closing {
		return
	}
	n := int(p.target() - p.allowed)
	s, msg := m.cfg.openWindows(n, m.cfg.Budget.Left())
	p.allowed += uint32(n)
	c := packet.CreditOpen{Opens: p.allowed, StreamWindow: uint32(s), MessageWindow: uint32(msg)}
	m.cfg.Budget.Reserve(n * m.cfg.beyond(c))
	p.grants = append(p.grants, grant{c.Opens, c.StreamWindow, c.MessageWindow})
	h := packet.Header{Type: packet.TypeCreditOpen}
	_, _ = m.link.Append(packet.Control, h, packet.AppendCreditOpen(nil, c), nil, nil, nil) // it fails only when nobody is left to be told
}

// handleOpen makes the dialogue that the peer opens.
func (m *Multiplexer) handleOpen(h packet.Header, payload []byte) error {
	o, err := packet.ParseOpen(payload)
	if err != nil {
		return err
	}
	m.mu.Lock()
	p := &m.peerOpens
	switch {
	case h.Stream == defaultStream || h.Stream&1 == m.nextID&1:
		err = protocolError("OPEN of stream %d, which is not the peer's to open", h.Stream)
	case h.Stream <= m.lastPeer || h.Stream > maxStreamID:
		err = protocolError("OPEN of stream %d after stream %d", h.Stream, m.lastPeer)
	case p.opened == p.allowed:
		err = protocolError("OPEN beyond the credit of %d streams", p.allowed)
	}
	if err != nil || m.closing {
		m.lastPeer = max(m.lastPeer, h.Stream)
		m.mu.Unlock()
		return err
	}
	m.lastPeer = h.Stream
	m.sending++
	p.opened++
	var g grant
	p.grants, g = take(p.grants, p.opened)
	m.mu.Unlock()

	d := newDialogue(m, false, windows{
		send: uint64(o.StreamWindow), receive: int(g.streamWindow),
		sendMessages: int(o.MessageWindow), receiveMessages: int(g.messageWindow),
	})
	d.id, d.sendingHalf.answered = h.Stream, true
	d.about = aboutOf(append([]byte(nil), o.Meta...), string(o.Peer))
	d.receiver = m.owner.NewDialogue(d)

	m.mu.Lock()
	m.dialogues[d.id] = d
	closing := m.closing
	m.mu.Unlock()
	m.owner.HandleOpen(d)
	if closing {
		_ = d.Close() // Multiplexer.Close has not seen it; it returns nil
	}
	return nil
}
