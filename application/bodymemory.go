package application

import (
	"sync"

	"github.com/singchia/geminio/packet"
)

// A grantState says how far an announced content has come.
type grantState uint8

const (
	// grantIdle: it does not ask for memory: not yet, or not any more.
	grantIdle grantState = iota
	// grantQueued: it waits for memory.
	grantQueued
	// grantOwed: it has its memory; the peer must be told.
	grantOwed
	// grantTold: the peer may send it.
	grantTold
)

// An announced is a content that waits for memory, or has it.
type announced struct {
	// immutable
	stream *Stream
	head   packet.BodyHead
	size   int
	memory *bodyMemory // nil: it fits its window and needs none

	// memory.mu guards
	state      grantState
	prev, next *announced
}

// A bodyMemory is what contents that fit no window may hold together. It is
// given whole and in the order in which it was asked for, so that nothing half
// received waits for something else half received.
type bodyMemory struct {
	// owe is called with mu held when a GRANT is due.
	owe func(*announced)

	mu sync.Mutex
	// mu guards
	left        int
	first, last *announced
}

// ask puts a into the queue.
func (m *bodyMemory) ask(a *announced) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a.state = grantQueued
	a.prev, a.next = m.last, nil
	if m.last == nil {
		m.first = a
	} else {
		m.last.next = a
	}
	m.last = a
	m.serve()
}

// letPass owes the GRANT of a at once: a is dropped as it comes, and so needs
// no memory. Its size is 0.
func (m *bodyMemory) letPass(a *announced) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a.state = grantOwed
	m.owe(a)
}

// free takes back what a has, or takes a out of the queue. It may be called
// for an a that never asked, and again.
func (m *bodyMemory) free(a *announced) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch a.state {
	case grantQueued:
		m.remove(a)
	case grantOwed, grantTold:
		m.left += a.size
	default:
		return
	}
	a.state = grantIdle
	m.serve()
}

// told tells whether the peer was told that it may send a.
func (m *bodyMemory) told(a *announced) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return a.state == grantTold
}

// retract takes a back unless the peer was told already.
func (m *bodyMemory) retract(a *announced) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch a.state {
	case grantQueued:
		m.remove(a)
	case grantOwed:
		m.left += a.size
	default:
		return false
	}
	a.state = grantIdle
	m.serve()
	return true
}

// tell notes that the GRANT of a is about to be queued; false says that a does
// not want it any more.
func (m *bodyMemory) tell(a *announced) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.state != grantOwed {
		return false
	}
	a.state = grantTold
	return true
}

func (m *bodyMemory) serve() {
	for a := m.first; a != nil && a.size <= m.left; a = m.first {
		m.remove(a)
		m.left -= a.size
		a.state = grantOwed
		m.owe(a)
	}
}

func (m *bodyMemory) remove(a *announced) {
	if a.prev == nil {
		m.first = a.next
	} else {
		a.prev.next = a.next
	}
	if a.next == nil {
		m.last = a.prev
	} else {
		a.next.prev = a.prev
	}
	a.prev, a.next = nil, nil
}
