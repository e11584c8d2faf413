package server

import (
	"sync"

	"github.com/singchia/geminio/conn"
)

// A session is what a holder needs of the conn.Conn of its End.
type session interface {
	SessionID() [16]byte
	Held() int
	Replace()
	GiveUp(cause error)
}

var _ session = (*conn.Conn)(nil)

// A holder is the hold of one End on its client id. It begins before
// ConnOnline and lasts until ConnOffline has returned, so that whoever comes
// next under the same id is told of in order.
//
// The session of the End may outlive that: what was said before a Close goes
// out, over another connection if need be. It is over when the connection is,
// for good.
type holder struct {
	// Immutable after it was made.
	sessions *Sessions
	id       uint64
	who      identity
	up       chan struct{} // closed when the End runs
	gone     chan struct{} // closed when the id is free again

	// Written by begin, before anybody else knows of the session.
	desc    *describer
	session session

	replacing sync.Once

	// sessions.mu guards
	away     bool     // it has lost its connection, and got no other
	waits    *waiting // in sessions.detached, or nil
	over     bool     // the session is
	released bool     // the id is
	places   []func() // give back the places of its connections, oldest first
	unplaced int      // connections that were lost before carriedBy told of them
}

// begin says which session has the id, and how the place that its connection
// takes is given back. It is called at most once, before the session may be
// lost.
func (h *holder) begin(desc *describer, s session, free func()) {
	h.desc, h.session = desc, s
	h.sessions.mu.Lock()
	defer h.sessions.mu.Unlock()
	h.places = append(h.places, free)
	if id := s.SessionID(); id != ([16]byte{}) {
		h.sessions.sessions[id] = h
	}
}

// run says that the End runs, and may be replaced. It is called once, after
// begin.
func (h *holder) run() { close(h.up) }

// givesWayTo tells whether the End must leave its id to a newcomer. One of whom
// nobody tells is left alone as long as it is connected.
func (h *holder) givesWayTo(newcomer identity) bool {
	if h.who != nobody {
		return h.who == newcomer
	}
	h.sessions.mu.Lock()
	defer h.sessions.mu.Unlock()
	return h.away || newcomer.source == byGrant
}

// replace ends the session in favour of a newer one. It does not wait.
func (h *holder) replace() { h.replacing.Do(h.session.Replace) }

// carriedBy says that the session goes on over another connection, which takes
// a place that free gives back.
func (h *holder) carriedBy(free func()) {
	s := h.sessions
	s.mu.Lock()
	switch {
	case h.unplaced > 0:
		h.unplaced--
	case h.over && h.released:
	default:
		h.places = append(h.places, free)
		free = ignore
	}
	s.mu.Unlock()
	free()
}

// suspended says that the session has lost its connection, and waits for its
// client.
func (h *holder) suspended() {
	s, held, free := h.sessions, h.session.Held(), ignore
	s.mu.Lock()
	if h.over {
		s.mu.Unlock()
		return
	}
	h.away = true
	if len(h.places) > 0 {
		free, h.places = h.places[0], h.places[1:]
	} else {
		h.unplaced++
	}
	victims := s.detached.add(h, held)
	for _, v := range victims {
		delete(s.sessions, v.session.SessionID())
	}
	s.mu.Unlock()
	free()
	for _, v := range victims {
		v.session.GiveUp(conn.ErrEvicted)
	}
}

// resumed says that the session waits no more.
func (h *holder) resumed() {
	h.sessions.mu.Lock()
	h.away = false
	h.sessions.detached.remove(h)
	h.sessions.mu.Unlock()
}

// end says that the session is over.
func (h *holder) end() {
	s := h.sessions
	s.mu.Lock()
	h.over = true
	s.detached.remove(h)
	delete(s.sessions, h.session.SessionID())
	places := h.takePlaces()
	s.mu.Unlock()
	freeAll(places)
}

// release makes the id free. It is called once.
func (h *holder) release() {
	s := h.sessions
	s.mu.Lock()
	h.released = true
	delete(s.holders, h.id)
	places := h.takePlaces()
	s.mu.Unlock()
	close(h.gone)
	freeAll(places)
}

// takePlaces returns the places that are to be given back because nothing is
// left of the End. sessions.mu is held.
func (h *holder) takePlaces() (places []func()) {
	if h.over && h.released {
		places, h.places = h.places, nil
	}
	return places
}

func freeAll(places []func()) {
	for _, free := range places {
		free()
	}
}

func ignore() {}
