package broker

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio/examples/mq/internal/proto"
	"github.com/singchia/geminio/examples/mq/internal/store"
)

// overhead is what a message counts beside its data, so that many small ones
// fill a topic too.
const overhead = 64

// storeRetry is how long after a failure of the store it is tried again.
const storeRetry = time.Second

// topic has the groups of a topic. A message is kept until all of them have
// acknowledged it; if there is none, until one has come and has done so.
type topic struct {
	name  string
	store *store.Store

	mu      sync.Mutex // guards what follows; it is taken before that of a group
	meta    store.Meta
	storing int64  // bytes that are on their way to the disk
	low     uint64 // everything below is or will be trimmed
	groups  map[string]*group
	changed notify // of meta and storing
}

func newTopic(name string, s *store.Store, found store.Topic) *topic {
	t := &topic{name: name, store: s, meta: found.Meta, low: found.First, groups: make(map[string]*group)}
	for name, state := range found.Groups {
		t.groups[name] = loadGroup(state, found.First, found.Next)
	}
	return t
}

// committed tells what the store has now.
func (t *topic) committed(meta store.Meta) {
	t.mu.Lock()
	defer t.mu.Unlock()
	grown := meta.Next > t.meta.Next
	t.meta = meta
	t.changed.all()
	if grown {
		for _, g := range t.groups {
			g.grow(meta.Next)
		}
	}
}

// reserve waits until the topic holds less than limit bytes, and counts a
// message of n more until release, which is to be called when it is stored.
func (t *topic) reserve(ctx context.Context, n int, limit int64) error {
	for {
		ok, changed := t.reserveNow(n, limit)
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// reserveNow does what reserve does if it need not wait. If it must, changed is
// closed when that may have changed.
func (t *topic) reserveNow(n int, limit int64) (ok bool, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := t.meta.Bytes + overhead*int64(t.meta.Next-t.meta.First)
	if kept+t.storing >= limit {
		return false, t.changed.wait()
	}
	t.storing += int64(n) + overhead
	return true, nil
}

func (t *topic) release(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.storing -= int64(n) + overhead
	t.changed.all()
}

// group returns the group of this name. A new one begins with the oldest
// message that is kept, and is on disk when group returns.
func (t *topic) group(name string) (*group, error) {
	t.mu.Lock()
	g := t.groups[name]
	if g == nil {
		g = newGroup(t.low, t.meta.Next)
		t.groups[name] = g
	}
	g.join()
	t.mu.Unlock()

	saved := make(chan error, 1)
	t.store.SaveGroup(t.name, name, g.state, func(err error) { saved <- err })
	if err := <-saved; err != nil {
		g.leave()
		return nil, err
	}
	return g, nil
}

// forget deletes a group that has no members.
func (t *topic) forget(name string) error {
	t.mu.Lock()
	g := t.groups[name]
	if g == nil {
		t.mu.Unlock()
		return fmt.Errorf("topic %q has no group %q", t.name, name)
	}
	if g.memberCount() > 0 {
		t.mu.Unlock()
		return fmt.Errorf("group %q has members", name)
	}
	delete(t.groups, name)
	saved := make(chan error, 1)
	t.store.SaveGroup(t.name, name, nil, func(err error) { saved <- err })
	t.mu.Unlock()
	if err := <-saved; err != nil {
		t.mu.Lock()
		if t.groups[name] == nil {
			t.groups[name] = g // it is still on disk
		}
		t.mu.Unlock()
		return err
	}
	t.trim()
	return nil
}

// trim has the store delete what all groups have acknowledged.
func (t *topic) trim() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.groups) == 0 {
		return
	}
	low := t.meta.Next
	for _, g := range t.groups {
		low = min(low, g.committedTo())
	}
	if low > t.low {
		t.low = low
		t.store.Trim(t.name, low)
	}
}

// saveLater has the store save a group, and trims then. It is tried again
// until it succeeds, the store is closed or the group forgotten.
func (t *topic) saveLater(name string, g *group) {
	t.mu.Lock() // no save may follow that of forget
	defer t.mu.Unlock()
	if t.groups[name] != g || !g.beginSave() {
		return
	}
	t.store.SaveGroup(t.name, name, g.state, func(err error) {
		switch {
		case err == nil:
			t.trim()
		case !errors.Is(err, store.ErrClosed) && g.beginRetry():
			log.Errorf("topic %s, group %s: %s", t.name, name, err)
			time.AfterFunc(storeRetry, func() {
				g.endRetry()
				t.saveLater(name, g)
			})
		}
	})
}

// status says how the topic does.
func (t *topic) status() proto.Topic {
	t.mu.Lock()
	defer t.mu.Unlock()
	status := proto.Topic{Name: t.name, First: t.meta.First, Next: t.meta.Next, Bytes: t.meta.Bytes, Groups: []proto.Group{}}
	for name, g := range t.groups {
		g.mu.Lock()
		status.Groups = append(status.Groups, proto.Group{
			Name: name, Members: g.members, Committed: g.committed, Redelivered: g.redelivered,
			Open: t.meta.Next - g.committed - uint64(len(g.acked)),
		})
		g.mu.Unlock()
	}
	sort.Slice(status.Groups, func(i, j int) bool { return status.Groups[i].Name < status.Groups[j].Name })
	return status
}

var errNoTopic = errors.New("no such topic")
