package slab

import (
	"sync"
	"sync/atomic"
)

// A Pool is a sync.Pool of which the garbage collection leaves a few: where
// little else is allocated it comes often, and a large buffer that it takes is
// soon missed, cleared and faulted in again. Its zero value, with Keep set, is
// ready for use; its methods may be called concurrently.
type Pool[T any] struct {
	// Keep is how many stay. It must not be changed after the first Put.
	Keep int

	free sync.Pool // of *T
	n    atomic.Int32

	mu   sync.Mutex
	kept []*T // guarded by mu; n is its length
}

// Get returns what was put in, or a new T.
func (p *Pool[T]) Get() *T {
	if v, ok := p.free.Get().(*T); ok {
		return v
	}
	if p.n.Load() > 0 {
		p.mu.Lock()
		if last := len(p.kept) - 1; last >= 0 {
			v := p.kept[last]
			p.kept[last] = nil
			p.kept = p.kept[:last]
			p.n.Store(int32(last))
			p.mu.Unlock()
			return v
		}
		p.mu.Unlock()
	}
	return new(T)
}

// Put gives v to who asks next. The caller must not use it any more.
func (p *Pool[T]) Put(v *T) {
	if int(p.n.Load()) < p.Keep {
		p.mu.Lock()
		if len(p.kept) < p.Keep {
			p.kept = append(p.kept, v)
			p.n.Store(int32(len(p.kept)))
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
	}
	p.free.Put(v)
}
