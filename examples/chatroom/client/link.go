package main

import (
	"sync"

	"github.com/singchia/geminio/delegate"
)

// linkState tells whether there is a connection to a server that knows the
// client.
type linkState struct{ connected bool }

// String says it in a word.
func (l linkState) String() string {
	if l.connected {
		return "connected"
	}
	return "reconnecting"
}

// link is what linkState is made of.
type link struct {
	mu    sync.Mutex // held while it is shown too, so that the last one counts
	show  func(any)  // nil until somebody looks
	conn  bool       // there is a connection
	known bool       // the client has presented itself in this session
}

// showTo shows how it is, and from now on each change.
func (l *link) showTo(show func(any)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.show = show
	show(linkState{l.conn && l.known})
}

// close closes the session, which nobody need be told.
func (s *session) close() {
	s.link.mu.Lock()
	s.link.show = nil
	s.link.mu.Unlock()
	s.end.Close()
}

func (l *link) set(edit func(*link)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	edit(l)
	if l.show != nil {
		l.show(linkState{l.conn && l.known})
	}
}

var _ delegate.SuspendDelegate = (*session)(nil)

// ConnOnline notes that there is a new session.
func (s *session) ConnOnline(delegate.ConnDescriber) error {
	s.link.set(func(l *link) { l.conn, l.known = true, false })
	return nil
}

// ConnSuspended notes that the connection is lost.
func (s *session) ConnSuspended(delegate.ConnDescriber) {
	s.link.set(func(l *link) { l.conn = false })
}

// ConnResumed notes that another connection carries the session.
func (s *session) ConnResumed(delegate.ConnDescriber) {
	s.link.set(func(l *link) { l.conn = true })
}

// ConnOffline notes that the session is lost, or closed.
func (s *session) ConnOffline(delegate.ConnDescriber) error {
	s.link.set(func(l *link) { l.conn, l.known = false, false })
	return nil
}
