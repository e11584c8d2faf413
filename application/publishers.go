package application

import (
	"container/list"
	"sync"
	"time"
)

const (
	// mostPublishers is how many publishers are remembered: beyond it, those
	// that have had no End for the longest time are forgotten.
	mostPublishers = 4096

	// rememberedFor is how long a publisher without an End is remembered.
	rememberedFor = 10 * time.Minute
)

// Publishers is what a process has received effectively once, of each
// publisher over all its sessions: the fate of its newest 1024 messages. It
// keeps 4096 publishers, and each for 10 minutes after its last End has ended.
// Its methods may be called concurrently; it needs no goroutine.
type Publishers struct {
	mu sync.Mutex
	// mu guards
	known map[[16]byte]*publisher
	idle  list.List // those without an End, the longest first
}

// NewPublishers returns Publishers that know nobody.
func NewPublishers() *Publishers {
	return &Publishers{known: make(map[[16]byte]*publisher)}
}

// Known tells whether the publisher is remembered: what it published before and
// publishes again is not received twice. One that is stays remembered for
// another 10 minutes: it is about to have an End.
func (ps *Publishers) Known(publisher [16]byte) bool { return ps.knows(publisher, time.Now()) }

func (ps *Publishers) knows(id [16]byte, now time.Time) bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.sweep(now)
	p := ps.known[id]
	if p != nil && p.idle != nil {
		p.since = now
		ps.idle.MoveToBack(p.idle)
	}
	return p != nil
}

// attach returns the publisher id, which has one End more.
func (ps *Publishers) attach(id [16]byte, now time.Time) *publisher {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.sweep(now)
	p := ps.known[id]
	if p == nil {
		p = &publisher{id: id}
		ps.known[id] = p
		ps.limit()
	}
	p.ends++
	if p.idle != nil {
		ps.idle.Remove(p.idle)
		p.idle = nil
	}
	return p
}

// detach says that an End of p has ended.
func (ps *Publishers) detach(p *publisher, now time.Time) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.sweep(now)
	if p.ends--; p.ends == 0 {
		p.since = now
		p.idle = ps.idle.PushBack(p)
		ps.limit()
	}
}

// sweep forgets those whose time is over.
func (ps *Publishers) sweep(now time.Time) {
	for front := ps.idle.Front(); front != nil && now.Sub(front.Value.(*publisher).since) >= rememberedFor; front = ps.idle.Front() {
		ps.forget(front)
	}
}

// limit forgets those that are too many. Those that have an End are bounded as
// Ends are.
func (ps *Publishers) limit() {
	for front := ps.idle.Front(); front != nil && len(ps.known) > mostPublishers; front = ps.idle.Front() {
		ps.forget(front)
	}
}

func (ps *Publishers) forget(idle *list.Element) {
	delete(ps.known, ps.idle.Remove(idle).(*publisher).id)
}
