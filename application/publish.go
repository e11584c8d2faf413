package application

import (
	"context"
	"io"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

// An outbox is what a stream publishes. One publication at a time takes credit
// and is queued, so they leave in the order in which they came.
type outbox struct {
	credit sendCredit

	// The stream's mu guards
	lastID       uint64
	publications idTable[publication] // not acknowledged, or still being sent
	busy         bool                 // somebody has the turn
	turn         wait.Queue           // those who wait for it

	// whoever has the turn
	small, large uint64 // marks of the last message in Messages and in Bulk
}

// A publication is one message on its way, until its outcome is known.
type publication struct {
	exchange
	fields packet.MessageFields
	topic  string

	// The stream's mu guards
	acknowledged bool
	code         packet.Code
	text         string

	async asyncPublish // of StartPublish
}

func (p *publication) appendFields(dst []byte, remainingMS uint32) []byte {
	p.fields.TimeoutMS = remainingMS
	return packet.AppendMessage(dst, p.fields, p.topic)
}

// outbox returns what the stream publishes. mu is held.
func (s *Stream) outbox() *outbox {
	if s.out == nil {
		o := new(outbox)
		o.credit.items.limit = unlimited
		o.credit.bytes.limit = uint64(s.SendMessageWindow())
		o.credit.owe = func() { s.end.owed.add(debt{kind: owesMessagesBlocked, stream: s}) }
		s.out = o
	}
	return s.out
}

// Publish sends msg, and waits for the verdict of the receiving application
// unless msg is to be delivered at most once.
func (s *Stream) Publish(ctx context.Context, msg geminio.Message, opts ...*options.PublishOptions) error {
	timeout := PublishTimeout(msg, opts)
	if err := s.check(ctx, timeout, msg.Topic(), msg); err != nil {
		return err
	}
	p := s.end.patience(ctx, timeout)
	defer p.stop()
	pub := s.end.newPublication()
	defer s.end.reusePublication(pub)
	err := s.sendMessage(pub, msg, Again{}, &p)
	if pub.w == nil {
		return err // it never began
	}
	for err == nil && msg.Cnss() != options.CnssAtMostOnce {
		if err = p.wait(pub.w); err == nil && s.isHalted(&pub.exchange) {
			err = errHalted
		}
	}
	return s.endPublish(pub, &p, err)
}

// newPublication returns a publication of this End.
func (e *End) newPublication() *publication {
	pub, _ := e.idlePublished.Get().(*publication)
	if pub == nil {
		pub = new(publication)
	}
	return pub
}

// reusePublication takes pub back, which is in no table any more.
func (e *End) reusePublication(pub *publication) {
	*pub = publication{}
	e.idlePublished.Put(pub)
}

// PublishTimeout returns the timeout of a publication: that of opts goes before
// msg's.
func PublishTimeout(msg geminio.Message, opts []*options.PublishOptions) time.Duration {
	if len(opts) > 0 {
		if t := options.MergePublishOptions(opts...).Timeout; t != nil {
			return *t
		}
	}
	return msg.Timeout()
}

// sendMessage makes pub known and queues msg with all of its content. Where
// that did not begin, pub.w is nil.
func (s *Stream) sendMessage(pub *publication, msg geminio.Message, again Again, p *patience) error {
	o, err := s.beginPublish(pub, msg, again, p)
	if err != nil {
		return err
	}
	l := letter{
		author:  pub,
		typ:     packet.TypeMessage,
		head:    packet.BodyHead{Kind: packet.BodyMessage, ID: pub.fields.ID},
		fixed:   packet.MessageFieldsLen + len(pub.topic),
		custom:  msg.Custom(),
		data:    msg.Data(),
		credit:  &o.credit,
		first:   s.SendMessageWindow(),
		through: true,
	}
	l.cost = packet.MessageCost(len(pub.topic), len(l.custom), len(l.data))
	pub.fields.CustomLen, pub.fields.DataLen = uint32(len(l.custom)), uint32(len(l.data))
	if err = s.awaitOrder(pub, o, &l, p); err == nil {
		err = s.post(&pub.exchange, &l, p)
	}
	if l.last != 0 {
		if pub.class == packet.Bulk {
			o.large = l.last
		} else {
			o.small = l.last
		}
	}
	s.passTurn(o)
	return err
}

// beginPublish waits for the turn to publish and makes pub known.
func (s *Stream) beginPublish(pub *publication, msg geminio.Message, again Again, p *patience) (*outbox, error) {
	w := s.end.mux.Waiter()
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.outbox()
	for first := true; ; first = false {
		if s.over != 0 {
			o.turn.Remove(w)
			w.Put()
			if first {
				return nil, io.EOF
			}
			return nil, &geminio.CallError{Err: s.cause()}
		}
		if !o.busy && (first && o.turn.Len() == 0 || o.turn.Front() == w) {
			break
		}
		if !o.turn.Has(w) {
			o.turn.Push(w)
		}
		s.mu.Unlock()
		err := p.wait(w)
		s.mu.Lock()
		if err != nil {
			o.turn.Remove(w)
			o.wakeNext()
			w.Put()
			return nil, err
		}
	}
	o.turn.Remove(w)
	o.busy = true
	pub.w, pub.topic = w, msg.Topic()
	pub.fields = packet.MessageFields{ID: again.ID | sequenceBit, MessageID: msg.ID(), Cnss: uint8(msg.Cnss())}
	if again.ID == 0 {
		o.lastID++
		pub.fields.ID = o.lastID
	}
	if again.Redelivered {
		pub.fields.Flags = packet.MessageRedelivered
	}
	o.publications.put(pub.fields.ID, pub)
	return o, nil
}

func (s *Stream) passTurn(o *outbox) {
	s.mu.Lock()
	o.busy = false
	o.wakeNext()
	s.mu.Unlock()
}

// wakeNext wakes who has waited longest for the turn, if it is free.
func (o *outbox) wakeNext() {
	if w := o.turn.Front(); w != nil && !o.busy {
		w.Wake()
	}
}

// awaitOrder keeps the messages of a stream in order, which leave in two
// queues: a small one follows a large one that has not left into the queue of
// bulk, a large one waits until the small ones before it have left.
func (s *Stream) awaitOrder(pub *publication, o *outbox, l *letter, p *patience) error {
	link := s.end.conn
	if l.fixed+len(l.custom)+len(l.data) <= packet.MaxPayload && l.cost <= l.first {
		l.bulk = o.large != 0 && !link.Composed(packet.Bulk, o.large)
		return nil
	}
	l.bulk = true
	for o.small != 0 && !link.AwaitComposed(packet.Messages, o.small, pub.w) {
		err := p.wait(pub.w)
		if err == nil && s.isHalted(&pub.exchange) {
			err = errHalted
		}
		if err != nil {
			link.Withdraw(pub.w)
			return err
		}
	}
	return nil
}

// endPublish takes pub back from the table and returns what Publish returns.
// err says why the publisher waits no longer: nil for a message that is to be
// delivered at most once and is queued.
func (s *Stream) endPublish(pub *publication, p *patience, err error) error {
	if err == errHalted {
		s.awaitHalt(&pub.exchange)
	}
	s.mu.Lock()
	open := s.takePublication(pub)
	w := pub.w
	pub.w = nil
	s.mu.Unlock()
	w.Put()

	switch {
	case err == nil:
		return nil
	case pub.acknowledged && pub.code == packet.CodeOK:
		return nil
	case pub.acknowledged && err == errHalted:
		if ctxErr := p.ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		return pub.outcome(p)
	case err == errHalted:
		return s.ended(&pub.exchange)
	}
	if open {
		s.withdrawMessage(pub)
	}
	return err
}

// takePublication takes pub out of the table and tells whether it was there.
// mu is held.
func (s *Stream) takePublication(pub *publication) bool {
	if pub.acknowledged || s.out.publications.get(pub.fields.ID) != pub {
		return false
	}
	s.out.publications.remove(pub.fields.ID)
	return true
}

// withdrawMessage tells the peer that nobody waits for the outcome any more.
func (s *Stream) withdrawMessage(pub *publication) {
	if pub.mark != 0 {
		s.sendCancel(pub.class, packet.BodyHead{Kind: packet.BodyMessage, ID: pub.fields.ID})
	}
}

// outcome returns what the receiver's verdict means.
func (pub *publication) outcome(p *patience) error {
	switch pub.code {
	case packet.CodeOK:
		return nil
	case packet.CodeExpired:
		return p.expired()
	default:
		return &geminio.RemoteError{Code: uint16(pub.code), Text: pub.text}
	}
}

// handleMessageAck takes the verdict on a message.
func (s *Stream) handleMessageAck(payload []byte) error {
	ack, err := packet.ParseMessageAck(payload)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if s.out == nil {
		s.mu.Unlock()
		return nil
	}
	pub := s.out.publications.remove(ack.ID)
	if pub == nil {
		s.mu.Unlock()
		return nil // it is late
	}
	pub.acknowledged, pub.code, pub.text = true, ack.Code, string(ack.Text)
	pub.halted = true
	w, handedOn := pub.w, pub.handedOn
	s.mu.Unlock()
	if w != nil {
		s.end.batch.woken = append(s.end.batch.woken, w)
	}
	if handedOn {
		s.finishPublish(pub, pub.outcome(&pub.async.patience))
	}
	return nil
}

// publication returns the one that is open. mu is held.
func (s *Stream) publication(id uint64) *publication {
	if s.out == nil {
		return nil
	}
	return s.out.publications.get(id)
}

// dropPublications halts everything. mu is held.
func (s *Stream) dropPublications(left *leftovers) {
	o := s.out
	if o == nil {
		return
	}
	for pub := range o.publications.all {
		pub.halt()
		if pub.handedOn {
			left.publications = append(left.publications, pub)
		}
	}
	o.publications.clear()
	o.turn.WakeAll()
}

// handleMessageLimit raises the credit for messages.
func (s *Stream) handleMessageLimit(payload []byte) error {
	c, err := packet.ParseCreditMessage(payload)
	if err != nil {
		return err
	}
	s.mu.Lock()
	o := s.outbox()
	s.mu.Unlock()
	return o.credit.raise(unlimited, c.Limit)
}

// composeMessagesBlocked tells the peer that a publication waits for credit.
func (s *Stream) composeMessagesBlocked() {
	s.mu.Lock()
	o := s.outbox()
	s.mu.Unlock()
	if !s.Begin() {
		return
	}
	defer s.Finish()
	_, _, at, due := o.credit.takeDue()
	s.end.composeBlocked(s, packet.BlockedMessages, at, due)
}
