package broker

import (
	"encoding/binary"
	"slices"
	"sync"
)

const (
	// window is how far a group may be ahead of its oldest message that is not
	// acknowledged: it bounds what is remembered of each group.
	window = 4096

	// leaseStep is how many messages may be given out before the disk has to
	// know of it again.
	leaseStep = 1024
)

// delivery is a message that a member takes.
type delivery struct {
	offset      uint64
	redelivered bool
}

// group decides who gets which message. Every offset from committed up is
// acknowledged, given back, taken by one member, or was never taken.
//
// The disk knows a bound, the lease, below which messages may have been given
// out: what is below it and not acknowledged when the broker starts is marked
// as redelivered, since a broker that was killed cannot say more.
type group struct {
	mu          sync.Mutex
	committed   uint64              // all messages below are acknowledged
	acked       map[uint64]struct{} // those above that are too
	next        uint64              // the first that was never taken since the broker started
	top         uint64              // the first that does not exist yet
	back        []uint64            // given back
	suspect     uint64              // messages below may have been taken before the broker started
	leased      uint64              // messages below may be taken
	leasing     uint64              // the lease that is being written, 0 if none is
	refused     map[uint64]int      // how often, of those that are not acknowledged
	saving      bool                // a save waits that has not called state yet
	retrying    bool                // a save has failed, and is begun again soon
	members     int
	redelivered uint64
	changed     notify
}

// newGroup returns a group that begins at first.
func newGroup(first, top uint64) *group {
	return &group{
		committed: first, next: first, top: top, suspect: first, leased: first,
		acked: make(map[uint64]struct{}), refused: make(map[uint64]int),
	}
}

// loadGroup returns the group that state was saved of.
func loadGroup(state []byte, first, top uint64) *group {
	g := newGroup(first, top)
	committed, n := binary.Uvarint(state)
	leased, m := binary.Uvarint(state[max(n, 0):])
	if n <= 0 || m <= 0 {
		return g // never saved: it has everything before it
	}
	g.committed = max(committed, first)
	g.next = g.committed
	g.suspect, g.leased = leased, leased
	last := committed
	for state = state[n+m:]; len(state) > 0; {
		step, n := binary.Uvarint(state)
		if n <= 0 {
			break
		}
		state = state[n:]
		last += step
		g.ackLocked(last)
	}
	return g
}

// beginSave tells whether what has changed needs a new save: one that waits
// will have it.
func (g *group) beginSave() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	begin := !g.saving
	g.saving = true
	return begin
}

// beginRetry tells whether a save that has failed needs a retry: none if one
// is to come.
func (g *group) beginRetry() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	begin := !g.retrying
	g.retrying = true
	return begin
}

// endRetry ends what beginRetry began: the next save is a new one.
func (g *group) endRetry() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.retrying = false
	g.saving = false // the one that failed may not have come as far as state
}

// state is what is to be saved.
func (g *group) state() []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.saving = false
	acked := make([]uint64, 0, len(g.acked))
	for offset := range g.acked {
		acked = append(acked, offset)
	}
	slices.Sort(acked)
	state := binary.AppendUvarint(nil, g.committed)
	state = binary.AppendUvarint(state, max(g.leased, g.leasing))
	last := g.committed
	for _, offset := range acked {
		state = binary.AppendUvarint(state, offset-last)
		last = offset
	}
	return state
}

// take gives at most limit messages to a member, those first that were given
// back. If there are none, changed is closed when there may be. If lease is
// true, the caller must save the group and call leaseSaved.
func (g *group) take(limit int) (taken []delivery, changed <-chan struct{}, lease bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(limit, len(g.back))
	for _, offset := range g.back[:n] {
		taken = append(taken, delivery{offset, true})
	}
	g.back = slices.Delete(g.back, 0, n)
	for len(taken) < limit && g.next < g.top && g.next < g.leased && g.next-g.committed < window {
		if _, acked := g.acked[g.next]; !acked {
			taken = append(taken, delivery{g.next, g.next < g.suspect})
		}
		g.next++
	}
	for _, d := range taken {
		if d.redelivered {
			g.redelivered++
		}
	}
	if g.leasing == 0 && g.next+leaseStep/2 > g.leased {
		g.leasing = g.next + leaseStep
		lease = true
	}
	return taken, g.changed.wait(), lease
}

// leaseSaved ends the lease that take began.
func (g *group) leaseSaved(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.leased = g.leasing
	}
	g.leasing = 0
	g.changed.all()
}

// ack acknowledges a message that was taken.
func (g *group) ack(offset uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.refused, offset)
	if g.ackLocked(offset) {
		g.changed.all()
	}
}

// ackLocked tells whether committed has moved.
func (g *group) ackLocked(offset uint64) bool {
	if offset < g.committed {
		return false
	}
	g.acked[offset] = struct{}{}
	before := g.committed
	for {
		if _, ok := g.acked[g.committed]; !ok {
			break
		}
		delete(g.acked, g.committed)
		g.committed++
	}
	g.next = max(g.next, g.committed)
	return g.committed > before
}

// refuse counts that a message was refused, and returns how often it was since
// the broker started.
func (g *group) refuse(offset uint64) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused[offset]++
	return g.refused[offset]
}

// giveBack returns messages that were taken and not acknowledged.
func (g *group) giveBack(offsets ...uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.back = append(g.back, offsets...)
	slices.Sort(g.back)
	g.changed.all()
}

// grow tells that the topic has messages below top.
func (g *group) grow(top uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.top = top
	g.changed.all()
}

func (g *group) join() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members++
}

func (g *group) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members--
}

func (g *group) memberCount() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.members
}

func (g *group) committedTo() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.committed
}
