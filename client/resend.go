package client

import (
	"cmp"
	"container/list"
	"slices"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
)

// goOn has publications go on over s: those that wait, in their order, before
// anything new.
func (o *outbox) goOn(s *session) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.session = s
	o.flowing = !o.closed && o.inFlight == 0 && o.waiting.Len() == 0
	if !o.flowing {
		go o.resend(s)
	}
}

// resend starts on s what waits. It is a goroutine; it waits for room and
// credit, and ends when nothing is left, s is over or the outbox is closed.
func (o *outbox) resend(s *session) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.inFlight > 0 { // on sessions that are over: it takes no time
		o.landed.Wait()
	}
	o.sort()
	for !o.closed && o.session == s {
		front := o.waiting.Front()
		if front == nil {
			o.flowing = true
			return
		}
		p := front.Value.(*publication)
		o.unwait(p)
		if p.msg.cnss == options.CnssAtEffectiveOnce && p.maybe && !s.known {
			o.forgotten(p)
			continue
		}
		o.inFlight++
		timeout := left(p.until)
		o.mu.Unlock()
		o.start(s, p, timeout)
		o.mu.Lock()
		if p.place != nil {
			return // s is over
		}
	}
}

// forgotten settles a publication of which the server does not remember whether
// it has received it. mu is held, but for the report.
func (o *outbox) forgotten(p *publication) {
	err := &geminio.CallError{Err: geminio.ErrSessionLost, MaybeExecuted: true}
	if report := o.settle(p, err); report != nil {
		o.mu.Unlock()
		defer o.mu.Lock()
		report(err)
	}
}

// sort puts what waits in the order in which it was published. mu is held.
func (o *outbox) sort() {
	all := make([]*publication, 0, o.waiting.Len())
	for e := o.waiting.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*publication))
	}
	slices.SortFunc(all, func(a, b *publication) int { return cmp.Compare(a.n, b.n) })
	o.waiting = list.List{}
	for _, p := range all {
		p.place = o.waiting.PushBack(p)
	}
}
