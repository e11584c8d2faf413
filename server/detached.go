package server

import (
	"container/list"
	"slices"
)

// detached are the sessions that wait for their clients, and bounds what they
// may cost.
type detached struct {
	// immutable after NewSessions
	most, mostBytes, mostPerIdentity int

	oldestFirst list.List // of *holder
	byIdentity  map[identity][]*holder
	bytes       int
}

// waiting is a holder's part in detached.
type waiting struct {
	element *list.Element
	bytes   int // what the session held when it began to wait
}

// add takes h, which holds that many bytes, and takes out and returns those
// that must go because a bound is passed. They may end later: nothing asks for
// them any more.
func (d *detached) add(h *holder, bytes int) (out []*holder) {
	h.waits = &waiting{d.oldestFirst.PushBack(h), bytes}
	d.bytes += bytes
	if h.who.named() {
		d.byIdentity[h.who] = append(d.byIdentity[h.who], h)
	}
	evict := func(h *holder) {
		d.remove(h)
		out = append(out, h)
	}
	for len(d.byIdentity[h.who]) > d.mostPerIdentity {
		evict(d.byIdentity[h.who][0])
	}
	for d.oldestFirst.Len() > d.most || d.bytes > d.mostBytes {
		evict(d.oldestFirst.Front().Value.(*holder))
	}
	return out
}

// remove takes h out, if it is in.
func (d *detached) remove(h *holder) {
	if h.waits == nil {
		return
	}
	d.oldestFirst.Remove(h.waits.element)
	d.bytes -= h.waits.bytes
	h.waits = nil
	if !h.who.named() {
		return
	}
	same := d.byIdentity[h.who]
	i := slices.Index(same, h)
	if same = slices.Delete(same, i, i+1); len(same) > 0 {
		d.byIdentity[h.who] = same
	} else {
		delete(d.byIdentity, h.who)
	}
}
