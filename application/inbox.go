package application

import (
	"context"
	"io"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/multiplexer"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/credit"
	"github.com/singchia/geminio/pkg/wait"
)

// An inbox holds the messages of a stream that wait for Receive. The stream's
// mu guards it.
type inbox struct {
	first     int // the first window
	window    credit.Window
	owesLimit bool // a CREDIT_MESSAGE is asked for

	queue     messageQueue
	receivers wait.Queue
	lastTopic string // topics repeat: one string serves many

	arriving *receivedMessage // announced, not complete
	granted  *incoming        // what asked for memory, until it is received

	verdicts map[*exchange]struct{} // those that are being sent
}

// inbox returns the stream's messages. mu is held.
func (s *Stream) inbox() *inbox {
	if s.in == nil {
		limits := s.end.cfg.Limits
		first := s.MessageWindow()
		s.in = &inbox{
			first:    first,
			window:   credit.NewWindow(s.end.budget, first, limits.MaxMessageWindow, limits.MinMessageWindow),
			verdicts: make(map[*exchange]struct{}),
		}
	}
	return s.in
}

// handleMessage takes a message, or the announcement of one.
func (s *Stream) handleMessage(h packet.Header, payload []byte) error {
	r, err := packet.ParseMessage(h, payload)
	if err != nil {
		return err
	}
	e := s.end
	if int(r.CustomLen)+int(r.DataLen) > e.cfg.Limits.MaxBody {
		return errContentTooLarge
	}
	publisher := s.publisherOf(&r)
	if publisher != nil {
		publisher.reclaim(s, r.ID)
	}
	announced := h.Flags&packet.FlagMORE != 0
	cost := packet.MessageCost(len(r.Topic), int(r.CustomLen), int(r.DataLen))

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != 0 {
		return nil
	}
	in := s.inbox()
	if in.arriving != nil {
		return errMessageOrder
	}
	var memory *bodyMemory
	if announced && cost > in.first {
		memory, cost = &e.messageMemory, 0
	} else if err := in.window.Receive(cost); err != nil {
		return err
	}
	m, room := s.newReceived(&r, cost)
	if publisher != nil {
		if was, said := publisher.admit(m); was != unseen {
			s.repeated(m, was, said, memory)
			return nil
		}
		m.receipt.publisher = publisher
	}
	if !announced {
		m.custom, m.data = join(r.Custom, r.Data, room)
		s.pushMessage(m)
		return nil
	}
	m.receipt.body = newIncoming(s, packet.BodyHead{Kind: packet.BodyMessage, ID: r.ID}, r.CustomLen, r.DataLen, memory)
	in.arriving = m
	in.askGrant()
	return nil
}

// newReceived returns the message that r begins, which takes cost of the window,
// and room for its content or nil. mu is held.
func (s *Stream) newReceived(r *packet.Message, cost int) (m *receivedMessage, room []byte) {
	in := s.in
	if string(r.Topic) != in.lastTopic {
		in.lastTopic = string(r.Topic)
	}
	m, room = newReceivedMessage(len(r.Custom) + len(r.Data))
	m.message = message{
		id: r.MessageID, clientID: s.ClientID(), streamID: s.StreamID(),
		cnss:        options.Cnss(r.Cnss),
		topic:       in.lastTopic,
		redelivered: r.Flags&packet.MessageRedelivered != 0,
	}
	m.receipt.stream, m.receipt.id, m.receipt.cost = s, r.ID, cost
	m.received = &m.receipt
	if r.TimeoutMS != 0 {
		m.timeout = time.Duration(r.TimeoutMS) * time.Millisecond
		m.receipt.deadline = time.Now().Add(m.timeout)
	}
	return m, room
}

// pushMessage makes m the last message that waits. Called on the reader, mu is
// held.
func (s *Stream) pushMessage(m *receivedMessage) {
	s.in.queue.push(m)
	if w := s.in.receivers.Pop(); w != nil {
		s.end.batch.woken = append(s.end.batch.woken, w)
	}
}

func (in *inbox) wakeReceiver() {
	if w := in.receivers.Pop(); w != nil {
		w.Wake()
	}
}

// askGrant asks for memory for the announced message, if somebody waits for it
// and no other of the stream has some.
func (in *inbox) askGrant() {
	m := in.arriving
	if m == nil || m.receipt.body.memory == nil || in.granted != nil || in.receivers.Len() == 0 {
		return
	}
	in.granted = m.receipt.body
	in.granted.memory.ask(&in.granted.announced)
}

// retractGrant takes back what askGrant asked for, when nobody waits any more
// and the peer was not told.
func (in *inbox) retractGrant() {
	if b := in.granted; b != nil && in.receivers.Len() == 0 && b.memory.retract(&b.announced) {
		in.granted = nil
	}
}

// free gives back what b holds of the memory for large messages.
func (in *inbox) free(b *incoming) {
	if b == nil || b.memory == nil {
		return
	}
	b.memory.free(&b.announced)
	if in.granted == b {
		in.granted = nil
	}
}

// handleMessageBody takes a part of the announced message.
func (s *Stream) handleMessageBody(id uint64, part []byte, last bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.in
	if in == nil || in.arriving == nil || in.arriving.receipt.id != id {
		return nil // it was withdrawn
	}
	m := in.arriving
	if err := m.receipt.body.add(part, last); err != nil || !last {
		return err
	}
	in.arriving = nil
	m.custom, m.data = m.receipt.body.content()
	s.pushMessage(m)
	return nil
}

// dropMessage drops a message that waits or arrives: the publisher has
// withdrawn it, or it comes on another session.
func (s *Stream) dropMessage(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.in
	if in == nil {
		return
	}
	m := in.arriving
	if m != nil && m.receipt.id == id {
		in.arriving = nil
	} else if m = s.waitingMessage(id); m != nil {
		in.queue.remove(m)
	} else {
		return
	}
	if p := m.receipt.publisher; p != nil {
		p.forget(m)
	}
	s.taken(m)
}

// waitingMessage returns the message id that waits for Receive, nil if there is
// none. mu is held.
func (s *Stream) waitingMessage(id uint64) *receivedMessage {
	if p := s.end.publisher; p != nil && s.isDefault() && id&sequenceBit != 0 {
		if m := p.waits(id); m != nil {
			if m.receipt.stream != s {
				return nil
			}
			return m
		}
	}
	return s.in.queue.find(id)
}

// hand is for m, which the application gets. mu is held.
func (s *Stream) hand(m *receivedMessage) *receivedMessage {
	if p := m.receipt.publisher; p != nil {
		p.hand(m)
	}
	s.taken(m)
	return m
}

// taken gives back what m took: the application has it, or nobody. mu is held.
func (s *Stream) taken(m *receivedMessage) {
	if s.over != 0 {
		return // closeInbox gave everything back
	}
	s.in.free(m.receipt.body)
	s.in.window.Consume(m.receipt.cost)
	s.raiseMessages()
}

// raiseMessages asks for a CREDIT_MESSAGE where one is due. mu is held.
func (s *Stream) raiseMessages() {
	in := s.in
	if !in.owesLimit && in.window.Due() && !s.queueFull() {
		in.owesLimit = true
		s.end.owed.add(debt{stream: s, kind: owesMessageLimit})
	}
}

// queueFull tells whether more messages wait than the application wants.
func (s *Stream) queueFull() bool {
	return s.end.cfg.ReadQueue > 0 && s.in.queue.len() > s.end.cfg.ReadQueue
}

// Receive waits for the next message of this stream.
func (s *Stream) Receive(ctx context.Context) (geminio.Message, error) {
	for {
		m, err := s.nextMessage(ctx)
		if err != nil {
			return nil, err
		}
		if deadline := m.receipt.deadline; !deadline.IsZero() {
			left := time.Until(deadline)
			if left <= 0 {
				_ = m.decide(refused, packet.CodeExpired, "") // the next Receive tells of the end
				continue
			}
			m.timeout = left
		}
		m.receipt.body = nil
		return &m.message, nil
	}
}

// nextMessage takes the message that has waited longest.
func (s *Stream) nextMessage(ctx context.Context) (*receivedMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.inbox()
	if m := in.queue.pop(); m != nil {
		return s.hand(m), nil
	}
	if s.over != 0 {
		return nil, io.EOF
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w := s.end.mux.Waiter()
	defer w.Put() // runs first, under mu
	p := patience{ctx: ctx, done: ctx.Done()}
	for {
		in.receivers.Push(w)
		in.askGrant()
		s.mu.Unlock()
		err := p.wait(w)
		s.mu.Lock()
		woken := !in.receivers.Remove(w)
		if err != nil {
			if woken {
				in.wakeReceiver() // what woke this one is for another
			}
			in.retractGrant()
			return nil, err
		}
		if m := in.queue.pop(); m != nil {
			return s.hand(m), nil
		}
		if s.over != 0 {
			return nil, io.EOF
		}
	}
}

// closeInbox is for a stream that is over: what waits stays for Receive, but
// counts no more. Where the publisher may come back with another session, what
// it then publishes again is received there. mu is held.
func (s *Stream) closeInbox() {
	in := s.in
	if in == nil {
		// The window was reserved for the stream when it began.
		s.end.budget.Give(max(0, s.MessageWindow()-s.end.cfg.Limits.MinMessageWindow))
		return
	}
	in.free(in.granted)
	if p := s.end.publisher; p != nil && s.isDefault() {
		if m := in.arriving; m != nil && m.receipt.publisher == p {
			p.forget(m)
		}
		keep := s.over == multiplexer.ClosedByPeer
		if !keep {
			in.queue.drop(func(m *receivedMessage) bool { return m.receipt.publisher == p })
		}
		p.leave(s, keep)
	}
	in.arriving = nil
	in.window.Consume(in.window.Unread())
	in.window.Close()
	for x := range in.verdicts {
		x.halt()
	}
	in.receivers.WakeAll()
}

// composeMessageLimit tells the peer the limit that is due.
func (s *Stream) composeMessageLimit(now time.Time, rtt time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.in
	in.owesLimit = false
	if s.over != 0 || s.queueFull() || !in.window.Due() || !s.Begin() {
		return
	}
	defer s.Finish()
	if limit, ok := in.window.Raise(now, rtt); ok {
		s.end.appendControl(packet.TypeCreditMessage, s, packet.AppendCreditMessage(nil, packet.CreditMessage{Limit: limit}))
	}
}

// handleMessagesBlocked notes that the peer waits for credit.
func (s *Stream) handleMessagesBlocked(at uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != 0 {
		return
	}
	s.inbox().window.SetBlocked(at)
	s.raiseMessages()
}
