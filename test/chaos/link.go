package chaos

import (
	"math"
	"slices"
	"sync"
	"time"
)

// A Link is what lies between the two sides of a connection. All methods may be
// called at once.
//
// It is a machine that runs events in the order of their times: bytes that
// leave and arrive, steps of the script, deadlines. Whoever holds the lock has
// it run up to the present; one timer does when nobody comes by.
type Link struct {
	mu      sync.Mutex
	changed sync.Cond // an event has happened, or a side has done something

	// mu guards the following.
	now      time.Time // how far events have run
	start    time.Time
	up, down *flow
	ends     int // sides that have not closed
	events   []event
	cuts     int
	timer    *time.Timer
	armed    time.Time // when timer fires; zero: it does not
}

// An event of a link. Both methods are called with its lock held.
type event interface {
	due() time.Time      // zero: it does not happen
	happen(at time.Time) // it may be due again afterwards, but not for the same reason
}

// newLink returns the two sides of a new connection.
func newLink(script Script, clientAddr, serverAddr Addr) (client, server *Conn) {
	now := time.Now()
	l := &Link{now: now, start: now, ends: 2}
	l.changed.L = &l.mu
	l.up, l.down = &flow{link: l, free: now}, &flow{link: l, free: now}
	client = &Conn{link: l, in: l.down, out: l.up, local: clientAddr, remote: serverAddr}
	server = &Conn{link: l, in: l.up, out: l.down, local: serverAddr, remote: clientAddr}
	// Where an event of the script and a byte are due at once, the script is first.
	for _, step := range script {
		l.events = append(l.events, &pending{l, l.flows(step.Direction), step})
	}
	l.events = append(l.events, l.up, l.down, &client.reads, &client.writes, &server.reads, &server.writes)
	l.lock()
	l.mu.Unlock()
	return client, server
}

// lock locks l and runs what is due.
func (l *Link) lock() {
	l.mu.Lock()
	l.advance(time.Now())
}

// advance runs the events up to now. The caller holds mu.
func (l *Link) advance(now time.Time) {
	for {
		var next event
		var at time.Time
		for _, e := range l.events {
			if due := e.due(); !due.IsZero() && (next == nil || due.Before(at)) {
				next, at = e, due
			}
		}
		if next == nil || at.After(now) {
			l.now = later(l.now, now)
			l.arm(at)
			return
		}
		l.now = later(l.now, at)
		next.happen(l.now)
		l.changed.Broadcast()
	}
}

// arm has the timer fire at a time, or, if that is zero, not at all.
func (l *Link) arm(at time.Time) {
	if at.Equal(l.armed) {
		return
	}
	l.armed = at
	switch {
	case at.IsZero():
		l.timer.Stop()
	case l.timer == nil:
		l.timer = time.AfterFunc(at.Sub(l.now), l.wake)
	default:
		l.timer.Reset(at.Sub(l.now))
	}
}

func (l *Link) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = time.Time{}
	l.advance(time.Now())
}

// Inject brings a fault to a direction now, unless both sides have closed.
func (l *Link) Inject(d Direction, fault Fault) {
	l.lock()
	defer l.mu.Unlock()
	if l.ends == 0 {
		return
	}
	l.hit(d, fault)
	l.advance(l.now)
	l.changed.Broadcast()
}

func (l *Link) hit(d Direction, fault Fault) {
	for _, f := range l.flows(d) {
		fault.hit(f)
	}
}

func (l *Link) flows(d Direction) []*flow {
	return [...][]*flow{Both: {l.up, l.down}, Up: {l.up}, Down: {l.down}}[d]
}

// cut ends directions, and counts a cut if one of them still lived.
func (l *Link) cut(end error, flows ...*flow) {
	cut := false
	for _, f := range flows {
		cut = f.cut(end) || cut
	}
	if cut {
		l.cuts++
	}
}

// sideClosed is called when a side has closed: after the second one nothing
// that may happen matters.
func (l *Link) sideClosed() {
	if l.ends--; l.ends == 0 {
		l.events = nil
	}
}

// Stats are the counters of a connection.
type Stats struct {
	Up, Down Count
	Cuts     int // by Reset, Close and CloseWrite of the script or of Inject
}

// Count is what one direction carried, in bytes.
type Count struct {
	In  int64 // taken from the writer
	Out int64 // given to the reader
}

// Stats returns the counters as they are.
func (l *Link) Stats() Stats {
	l.lock()
	defer l.mu.Unlock()
	return Stats{l.up.count, l.down.count, l.cuts}
}

// A pending step waits for its bytes and its time.
type pending struct {
	link  *Link
	flows []*flow // that it counts
	Step
}

// left returns how many bytes the step waits for.
func (s *pending) left() int64 {
	left := s.After
	for _, f := range s.flows {
		left -= f.passed
	}
	return left
}

func (s *pending) due() time.Time {
	if s.left() > 0 {
		return time.Time{}
	}
	return s.link.start.Add(s.At)
}

func (s *pending) happen(time.Time) {
	l := s.link
	i := slices.Index(l.events, event(s))
	l.events = slices.Delete(l.events, i, i+1)
	l.hit(s.Direction, s.Fault)
}

// limit returns how many bytes may arrive before a step must have a look.
func (l *Link) limit() int {
	limit := int64(math.MaxInt32)
	for _, e := range l.events {
		if s, ok := e.(*pending); ok && s.left() > 0 {
			limit = min(limit, s.left())
		}
	}
	return int(limit)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
