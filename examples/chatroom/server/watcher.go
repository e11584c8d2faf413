package main

import (
	"crypto/subtle"
	"errors"

	"github.com/singchia/geminio/delegate"
)

// watcher lets clients in, and sees their connections go and come back.
type watcher struct {
	*delegate.UnimplementedDelegate
	hub   *hub
	token string
}

var (
	_ delegate.ServerDelegate  = (*watcher)(nil)
	_ delegate.SuspendDelegate = (*watcher)(nil)
)

// GetClientID refuses a client whose meta is not the token. Who it is, it says
// later: the id means nothing here.
func (w *watcher) GetClientID(_ uint64, meta []byte) (uint64, error) {
	if w.token != "" && subtle.ConstantTimeCompare([]byte(w.token), meta) != 1 {
		return 0, errors.New("wrong token")
	}
	return 0, nil
}

// ConnSuspended tells the rooms that somebody is away.
func (w *watcher) ConnSuspended(c delegate.ConnDescriber) { w.hub.away(c.ClientID(), true) }

// ConnResumed tells the rooms that somebody is back.
func (w *watcher) ConnResumed(c delegate.ConnDescriber) { w.hub.away(c.ClientID(), false) }
