package pipe

import (
	"net"
	"sync"
	"time"
)

// Group is the pairs of connections that are joined. The zero value is one
// without any.
type Group struct {
	mu     sync.Mutex // guards what follows
	joined map[*pair]struct{}
	closed bool
	none   chan struct{} // closed when closed and the last pair has ended
}

type pair struct{ a, b net.Conn }

// Join is the function Join, for as long as the group is not closed.
func (g *Group) Join(a, b net.Conn) error {
	p := &pair{a, b}
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		abort(a)
		abort(b)
		return net.ErrClosed
	}
	if g.joined == nil {
		g.joined = make(map[*pair]struct{})
	}
	g.joined[p] = struct{}{}
	g.mu.Unlock()

	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.joined, p)
		if g.closed && len(g.joined) == 0 {
			close(g.none)
		}
	}()
	return Join(a, b)
}

// Close aborts all pairs, and returns when they have ended, after 3 s at the
// latest. It must be called once.
func (g *Group) Close() {
	g.mu.Lock()
	g.closed, g.none = true, make(chan struct{})
	if len(g.joined) == 0 {
		close(g.none)
	}
	for p := range g.joined {
		go func() {
			abort(p.a)
			abort(p.b)
		}()
	}
	g.mu.Unlock()
	select {
	case <-g.none:
	case <-time.After(3 * time.Second):
	}
}
