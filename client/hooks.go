package client

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/jumboframes/armorigo/log"
	"github.com/singchia/geminio/delegate"
)

var errNotOnline = errors.New("connection refused by ConnOnline")

// hooks tells the client's delegate of one End. The End runs while ConnOnline
// does, so that the peer is answered; whatever happens to it meanwhile is told
// when ConnOnline has returned, and not at all if that fails.
type hooks struct {
	// Immutable after newHooks.
	delegate delegate.ClientDelegate // or nil
	log      log.Logger
	decided  chan struct{} // closed when ConnOnline has returned

	// Written before decided is closed, read after it.
	end delegate.ConnDescriber
	err error // ConnOnline's
}

func newHooks(d delegate.ClientDelegate, l log.Logger) *hooks {
	return &hooks{delegate: d, log: l, decided: make(chan struct{})}
}

// online calls ConnOnline. It is called once.
func (h *hooks) online(end delegate.ConnDescriber) error {
	defer close(h.decided)
	h.end = end
	if h.delegate != nil {
		h.err = errNotOnline // stays, should ConnOnline end the goroutine
		h.err = h.try("ConnOnline", func() error { return h.delegate.ConnOnline(end) })
	}
	return h.err
}

// decline says that ConnOnline will not be called, because of err.
func (h *hooks) decline(err error) {
	h.err = err
	close(h.decided)
}

// offline calls ConnOffline, if ConnOnline agreed.
func (h *hooks) offline() {
	<-h.decided
	if h.delegate == nil || h.err != nil {
		return
	}
	if err := h.try("ConnOffline", func() error { return h.delegate.ConnOffline(h.end) }); err != nil {
		h.log.Debugf("client %d: ConnOffline: %v", h.end.ClientID(), err)
	}
}

// suspended and resumed tell a delegate that wants to know of connections.
func (h *hooks) suspended() { h.aboutConn(delegate.SuspendDelegate.ConnSuspended) }
func (h *hooks) resumed()   { h.aboutConn(delegate.SuspendDelegate.ConnResumed) }

func (h *hooks) aboutConn(tell func(delegate.SuspendDelegate, delegate.ConnDescriber)) {
	<-h.decided
	if d, ok := h.delegate.(delegate.SuspendDelegate); ok && h.err == nil {
		tell(d, h.end)
	}
}

// DialogueOnline asks the delegate about a stream.
func (h *hooks) DialogueOnline(d delegate.DialogueDescriber) error {
	<-h.decided
	if h.err != nil {
		return errNotOnline
	}
	return h.delegate.DialogueOnline(d)
}

// DialogueOffline tells the delegate of the end of a stream of which
// DialogueOnline was told.
func (h *hooks) DialogueOffline(d delegate.DialogueDescriber) error {
	return h.delegate.DialogueOffline(d)
}

func (h *hooks) remoteRegistration(method string, clientID, streamID uint64) {
	<-h.decided
	if h.err == nil {
		h.delegate.RemoteRegistration(method, clientID, streamID)
	}
}

// try runs a callback and makes its panic an error.
func (h *hooks) try(name string, callback func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			h.log.Errorf("%s panic: %v\n%s", name, v, debug.Stack())
			err = fmt.Errorf("%s panic", name)
		}
	}()
	return callback()
}
