package server

import (
	"context"
	"sync"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/pkg/id"
)

// takeoverTime is how long a newcomer waits for the End that has its id to be
// over, ConnOffline included.
const takeoverTime = 5 * time.Second

// A registry knows which End has which client id: at most one End has one.
type registry struct {
	mu      sync.Mutex // protects following
	holders map[uint64]*holder
}

// A holder is the hold of one End on its client id. It begins before
// ConnOnline and lasts until ConnOffline has returned, so that whoever comes
// next under the same id is told of in order.
type holder struct {
	// Immutable after it was made.
	registry *registry
	id       uint64
	up       chan struct{} // closed when replace is set
	gone     chan struct{} // closed when the id is free again

	replace func() // written before up is closed, read after it
}

func newRegistry() *registry { return &registry{holders: map[uint64]*holder{}} }

// claim holds clientID, which nobody may have: geminio.ErrClientIDInUse.
func (r *registry) claim(clientID uint64) (*holder, error) {
	h, old := r.hold(clientID)
	if old != nil {
		return nil, geminio.ErrClientIDInUse
	}
	return h, nil
}

// allocate holds an id of the process's counter.
func (r *registry) allocate() *holder {
	for {
		// A client may have asked for an id that the counter has yet to reach.
		if h, old := r.hold(id.DefaultIncIDCounter.GetID()); old == nil {
			return h
		}
	}
}

// takeOver holds clientID and replaces who has it: it returns when the other's
// ConnOffline has returned. An End that is not over in time keeps the id, and
// the error is geminio.ErrClientIDInUse: a program is never told that the
// newcomer is online before it was told that the other is offline.
func (r *registry) takeOver(ctx context.Context, clientID uint64) (*holder, error) {
	ctx, cancel := context.WithTimeout(ctx, takeoverTime)
	defer cancel()
	for {
		h, old := r.hold(clientID)
		if old == nil {
			return h, nil
		}
		// One that is still asking its ConnOnline has nothing to replace yet.
		select {
		case <-old.up:
			old.replace()
		case <-old.gone:
		case <-ctx.Done():
		}
		select {
		case <-old.gone:
		case <-ctx.Done():
			return nil, geminio.ErrClientIDInUse
		}
	}
}

// hold returns a new holder of clientID, or the one that is there.
func (r *registry) hold(clientID uint64) (h, old *holder) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.holders[clientID]; old != nil {
		return nil, old
	}
	h = &holder{registry: r, id: clientID, up: make(chan struct{}), gone: make(chan struct{})}
	r.holders[clientID] = h
	return h, nil
}

// attach says how the connection that has the id is told that a newer one
// takes its place: once, by replace, which does not block. attach is called at
// most once.
func (h *holder) attach(replace func()) {
	h.replace = sync.OnceFunc(replace)
	close(h.up)
}

// release makes the id free. It is called once.
func (h *holder) release() {
	h.registry.mu.Lock()
	delete(h.registry.holders, h.id)
	h.registry.mu.Unlock()
	close(h.gone)
}
