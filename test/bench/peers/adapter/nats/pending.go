package nats

import "sync"

// pending keeps what is to run for messages on their way.
type pending[K comparable] struct {
	mu   sync.Mutex
	done map[K]func(error) // nil after fail
}

func newPending[K comparable]() *pending[K] {
	return &pending[K]{done: make(map[K]func(error))}
}

// add says whether done was taken: not after fail.
func (p *pending[K]) add(key K, done func(error)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil {
		return false
	}
	p.done[key] = done
	return true
}

// remove returns what was added for key, or nil if it was removed before.
func (p *pending[K]) remove(key K) func(error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := p.done[key]
	delete(p.done, key)
	return done
}

// finish runs what was added for key, once.
func (p *pending[K]) finish(key K, err error) {
	if done := p.remove(key); done != nil {
		done(err)
	}
}

// fail runs all that is left with err, and lets nothing be added.
func (p *pending[K]) fail(err error) {
	p.mu.Lock()
	left := p.done
	p.done = nil
	p.mu.Unlock()
	for _, done := range left {
		done(err)
	}
}
