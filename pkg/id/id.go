// Package id hands out the 64-bit ids of clients, requests and messages.
//
// An id is about the second of its making in the upper half and a counter in
// the lower one: 64 ids, in succession, may bear the second of the first. It is
// never zero and below 2^63, so that it fits wherever a signed integer is kept.
// Ids are unique, not ordered.
//
// A counter lives from NewIDCounter as long as somebody uses it, and holds
// nothing that must be closed: Close only ends what was reserved. All functions
// and methods may be called concurrently. The one error is ErrClosed.
package id

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosed is returned by GetIDByMeta when the factory is closed.
var ErrClosed = errors.New("id factory closed")

// An IDFactory hands out ids. All methods may be called concurrently.
type IDFactory interface {
	// ReserveID keeps id from being handed out until DelID.
	ReserveID(id uint64)

	// GetID returns an id that is not zero, not reserved and was not handed
	// out before.
	GetID() uint64

	// GetIDByMeta returns the same id for the same meta until DelID of that
	// id. The error is ErrClosed after Close.
	GetIDByMeta(meta []byte) (uint64, error)

	// DelID ends what ReserveID or GetIDByMeta made of id.
	DelID(id uint64)

	// Close ends all reservations; GetID goes on.
	Close()
}

// Mode tells which ids a counter hands out. A mode that is not listed here is
// taken as Inc.
type Mode string

const (
	Even   Mode = "even"   // even ids
	Odd    Mode = "odd"    // odd ids
	Unique Mode = "unique" // the same as Inc
	Inc    Mode = "inc"    // ids that no Inc counter of the process repeats
)

// DefaultIncIDCounter is the process's own source of ids.
var DefaultIncIDCounter = NewIDCounter(Inc)

// process counts for all Inc counters.
var process = newCounter()

// A counter counts ids and knows the second they bear.
type counter struct {
	n      atomic.Uint32
	second atomic.Int64 // 0: nobody has looked at the clock
}

func newCounter() *counter {
	c := new(counter)
	c.n.Store(rand.Uint32())
	return c
}

// An IDCounter is an IDFactory that counts. It is made by NewIDCounter.
type IDCounter struct {
	// Immutable after NewIDCounter.
	counter *counter
	step    uint32
	parity  uint32 // in the lowest bit, where step is 2

	reservations atomic.Int64 // len(reserved): while 0, GetID takes no lock

	mu       sync.Mutex // protects following
	reserved map[uint64]string
	byMeta   map[string]uint64
	closed   bool
}

var _ IDFactory = (*IDCounter)(nil)

// NewIDCounter returns a counter of the given mode that begins at random.
func NewIDCounter(mode Mode) *IDCounter {
	c := &IDCounter{counter: process, step: 1, reserved: map[uint64]string{}, byMeta: map[string]uint64{}}
	if mode == Even || mode == Odd {
		c.counter, c.step = newCounter(), 2
	}
	if mode == Odd {
		c.parity = 1
	}
	return c
}

// lookEvery is how many ids bear the same second at most: to look at the clock
// costs more than the rest of a call's bookkeeping together.
const lookEvery = 64

// next returns an id that was not handed out before. The counter alone makes
// it unique, so a clock that is set back does no harm.
func (c *IDCounter) next() uint64 {
	n := c.counter.n.Add(c.step)
	if c.step == 2 {
		n = n&^1 | c.parity
	}
	second := c.counter.second.Load()
	if second == 0 || n/c.step%lookEvery == 0 {
		second = time.Now().Unix()
		c.counter.second.Store(second)
	}
	return compose(second, n)
}

// compose returns an id that is positive as a signed integer, also after 2038.
func compose(unix int64, n uint32) uint64 {
	second := uint64(unix) & (1<<31 - 1)
	if second == 0 {
		second = 1
	}
	return second<<32 | uint64(n)
}

// GetID implements IDFactory. It takes no lock while nothing is reserved.
func (c *IDCounter) GetID() uint64 {
	for {
		id := c.next()
		if c.reservations.Load() == 0 {
			return id
		}
		c.mu.Lock()
		_, taken := c.reserved[id]
		c.mu.Unlock()
		if !taken {
			return id
		}
	}
}

// ReserveID implements IDFactory. After Close it does nothing.
func (c *IDCounter) ReserveID(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if _, ok := c.reserved[id]; !ok {
		c.reserved[id] = ""
		c.reservations.Store(int64(len(c.reserved)))
	}
}

// GetIDByMeta implements IDFactory. An empty meta is a meta like any other.
func (c *IDCounter) GetIDByMeta(meta []byte) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, ErrClosed
	}
	if id, ok := c.byMeta[string(meta)]; ok {
		return id, nil
	}
	id := c.next()
	for c.reservedLocked(id) {
		id = c.next()
	}
	c.reserved[id] = string(meta)
	c.byMeta[string(meta)] = id
	c.reservations.Store(int64(len(c.reserved)))
	return id, nil
}

func (c *IDCounter) reservedLocked(id uint64) bool {
	_, ok := c.reserved[id]
	return ok
}

// DelID implements IDFactory.
func (c *IDCounter) DelID(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	meta, ok := c.reserved[id]
	if !ok {
		return
	}
	if c.byMeta[meta] == id {
		delete(c.byMeta, meta)
	}
	delete(c.reserved, id)
	c.reservations.Store(int64(len(c.reserved)))
}

// Close implements IDFactory.
func (c *IDCounter) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	clear(c.reserved)
	clear(c.byMeta)
	c.reservations.Store(0)
}
