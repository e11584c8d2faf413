package application

import (
	"cmp"
	"slices"
)

// A messageQueue holds messages first in, first out. Its zero value is empty.
type messageQueue struct {
	slots []messageSlot
	head  int // of the slots that are used
	gaps  int // slots whose message was withdrawn
}

// A messageSlot is a place in the queue. The ids of a stream rise, and so do
// those that have the sequenceBit, each for themselves: a slot can be found by
// the newest of its kind.
type messageSlot struct {
	id, sequence uint64           // the newest of either kind, up to here
	m            *receivedMessage // nil: withdrawn
}

func (q *messageQueue) len() int { return len(q.slots) - q.head - q.gaps }

func (q *messageQueue) push(m *receivedMessage) {
	if len(q.slots) == cap(q.slots) && q.head > len(q.slots)/2 {
		q.compact()
	}
	m.receipt.slot = len(q.slots)
	slot := messageSlot{m: m}
	if n := len(q.slots); n > q.head {
		slot.id, slot.sequence = q.slots[n-1].id, q.slots[n-1].sequence
	}
	if m.receipt.id&sequenceBit == 0 {
		slot.id = m.receipt.id
	} else {
		slot.sequence = m.receipt.id
	}
	q.slots = append(q.slots, slot)
}

// pop takes the message that came first, nil if there is none.
func (q *messageQueue) pop() *receivedMessage {
	for q.head < len(q.slots) {
		m := q.slots[q.head].m
		q.slots[q.head] = messageSlot{}
		q.head++
		if m == nil {
			q.gaps--
			continue
		}
		if q.head == len(q.slots) {
			q.slots, q.head = q.slots[:0], 0
		}
		return m
	}
	q.slots, q.head = q.slots[:0], 0
	return nil
}

// find returns the message id, nil if there is none. It relies on ids that rise;
// where a peer's do not, it may miss it, and the message is delivered though
// nobody waits for it.
func (q *messageQueue) find(id uint64) *receivedMessage {
	used := q.slots[q.head:]
	i, found := slices.BinarySearchFunc(used, id, func(s messageSlot, id uint64) int {
		if id&sequenceBit != 0 {
			return cmp.Compare(s.sequence, id)
		}
		return cmp.Compare(s.id, id)
	})
	if !found || used[i].m == nil || used[i].m.receipt.id != id {
		return nil
	}
	return used[i].m
}

// remove takes m, which waits, out.
func (q *messageQueue) remove(m *receivedMessage) {
	q.slots[m.receipt.slot].m = nil
	q.gaps++
	if q.gaps > (len(q.slots)-q.head)/2 {
		q.compact()
	}
}

// drop takes out those that are unwanted.
func (q *messageQueue) drop(unwanted func(*receivedMessage) bool) {
	for i := range q.slots[q.head:] {
		if s := &q.slots[q.head+i]; s.m != nil && unwanted(s.m) {
			s.m = nil
		}
	}
	q.compact()
}

// compact drops the gaps and what was popped.
func (q *messageQueue) compact() {
	n := 0
	for _, s := range q.slots[q.head:] {
		if s.m != nil {
			q.slots[n] = s
			s.m.receipt.slot = n
			n++
		}
	}
	clear(q.slots[n:])
	q.slots, q.head, q.gaps = q.slots[:n], 0, 0
}
