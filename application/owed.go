package application

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/singchia/geminio/packet"
)

// A debtKind says which frame is owed.
type debtKind uint8

const (
	owesMessageLimit     debtKind = iota // CREDIT_MESSAGE of stream
	owesMessagesBlocked                  // BLOCKED of stream
	owesGrant                            // GRANT of body
	owesRegisterAck                      // REGISTER_ACK of stream, id, code
	owesVerdict                          // MESSAGE_ACK of stream, id, code, text, for a message of cost
	owesCallCredit                       // CREDIT_CALL
	owesRequestsBlocked                  // BLOCKED for requests
	owesResponsesBlocked                 // BLOCKED for answers
)

// A debt is a frame that is owed to the peer and was not queued at once,
// because the reader owes it or because only its newest state counts.
type debt struct {
	kind   debtKind
	stream *Stream
	body   *announced
	id     uint64
	code   packet.Code
	text   string
	cost   int
}

// owed is what the flusher must append before its next batch.
type owed struct {
	kick func()

	some atomic.Bool

	mu sync.Mutex
	// mu guards
	debts, spare []debt
	once         [owesResponsesBlocked + 1]bool // owed already: kinds without a stream
}

// add owes d. It may be called with any lock held but owed's.
func (o *owed) add(d debt) {
	o.mu.Lock()
	o.debts = append(o.debts, d)
	o.mu.Unlock()
	o.some.Store(true)
	o.kick()
}

// addOnce owes the connection's own frame of kind, if it is not owed already.
func (o *owed) addOnce(kind debtKind) {
	o.mu.Lock()
	if o.once[kind] {
		o.mu.Unlock()
		return
	}
	o.once[kind] = true
	o.debts = append(o.debts, debt{kind: kind})
	o.mu.Unlock()
	o.some.Store(true)
	o.kick()
}

// take returns what is owed. The caller gives the slice back.
func (o *owed) take() []debt {
	o.mu.Lock()
	defer o.mu.Unlock()
	debts := o.debts
	o.debts, o.spare = o.spare[:0], nil
	clear(o.once[:])
	return debts
}

func (o *owed) giveBack(debts []debt) {
	clear(debts)
	o.mu.Lock()
	o.spare = debts[:0]
	o.mu.Unlock()
}

// Compose appends the frames that are owed. It is called by the flusher, one
// call at a time.
func (e *End) Compose() {
	if !e.owed.some.Swap(false) {
		return
	}
	now, rtt := time.Now(), e.conn.RTT()
	debts := e.owed.take()
	for i := range debts {
		e.pay(&debts[i], now, rtt)
	}
	e.owed.giveBack(debts)
}

func (e *End) pay(d *debt, now time.Time, rtt time.Duration) {
	switch d.kind {
	case owesMessageLimit:
		d.stream.composeMessageLimit(now, rtt)
	case owesMessagesBlocked:
		d.stream.composeMessagesBlocked()
	case owesGrant:
		e.composeGrant(d.body)
	case owesRegisterAck:
		d.stream.composeRegisterAck(d)
	case owesVerdict:
		d.stream.composeVerdict(d)
	case owesCallCredit:
		e.queue.take(now, rtt, func(c packet.CreditCall) {
			e.appendControl(packet.TypeCreditCall, nil, packet.AppendCreditCall(nil, c))
		})
	case owesRequestsBlocked:
		itemsAt, items, bytesAt, bytes := e.requests.takeDue()
		e.composeBlocked(nil, packet.BlockedRequests, itemsAt, items)
		e.composeBlocked(nil, packet.BlockedRequestBytes, bytesAt, bytes)
	case owesResponsesBlocked:
		_, _, at, due := e.responses.takeDue()
		e.composeBlocked(nil, packet.BlockedResponseBytes, at, due)
	}
}

func (e *End) composeGrant(a *announced) {
	if !a.stream.Begin() {
		return
	}
	defer a.stream.Finish()
	if a.memory.tell(a) {
		e.appendControl(packet.TypeGrant, a.stream, packet.AppendGrant(nil, packet.Grant(a.head)))
	}
}

func (e *End) composeBlocked(s *Stream, what packet.BlockedWhat, at uint64, due bool) {
	if due {
		e.appendControl(packet.TypeBlocked, s, packet.AppendBlocked(nil, packet.Blocked{What: what, At: at}))
	}
}

// appendControl queues a control frame of s, of the connection if s is nil. It
// is lost only where nobody is left to be told.
func (e *End) appendControl(t packet.Type, s *Stream, fields []byte) {
	h := packet.Header{Type: t}
	if s != nil {
		h.Stream = uint32(s.StreamID())
	}
	_, _ = e.conn.Append(packet.Control, h, fields, nil, nil, nil)
}
