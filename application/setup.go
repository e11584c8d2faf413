package application

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Setup registers the local methods and waits until the peer has registered
// the remote ones. It has no time limit of its own; an error says that the
// connection ended first (it is an io.ErrUnexpectedEOF), or that the peer
// refused. It is called once, after the connection was started.
func (e *End) Setup() error {
	if err := e.registerLocal(); err != nil {
		return lostInSetup(err)
	}
	return lostInSetup(e.awaitRemote())
}

func lostInSetup(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("connection ended while methods were registered: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// serveLocal has the local methods served from the first request on: the peer
// may call what it knows to be there, without waiting to be told.
func (e *End) serveLocal() {
	e.Stream.mu.Lock()
	defer e.Stream.mu.Unlock()
	for _, m := range e.cfg.LocalMethods {
		if m != nil {
			e.Stream.rpc().serve(m.Method, m.RPC)
		}
	}
}

// registerLocal registers all local methods in one round trip.
func (e *End) registerLocal() error {
	p := e.patience(context.Background(), 0)
	var started []*registration
	var failed error
	for _, m := range e.cfg.LocalMethods {
		if m == nil {
			continue
		}
		reg, err := e.startRegister(m.Method, m.RPC, &p)
		if err != nil {
			failed = err
			break
		}
		started = append(started, reg)
	}
	for _, reg := range started {
		if err := e.endRegister(reg, &p, nil); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

// awaitRemote waits for the methods of the peer: it looks and stands by for
// the next one under the same lock.
func (e *End) awaitRemote() error {
	if len(e.cfg.RemoteMethods) == 0 {
		return nil
	}
	s := e.Stream
	w := e.mux.Waiter()
	s.mu.Lock()
	defer s.mu.Unlock()
	defer w.Put()
	r := s.rpc()
	r.watcher = w
	defer func() { r.watcher = nil }()
	for !r.knows(e.cfg.RemoteMethods) {
		if s.over != 0 {
			return io.EOF
		}
		s.mu.Unlock()
		<-w.C
		s.mu.Lock()
	}
	return nil
}

// knows tells whether the peer has registered all of methods. The stream's mu
// is held.
func (r *calls) knows(methods []string) bool {
	for _, m := range methods {
		if _, ok := r.remote[m]; !ok {
			return false
		}
	}
	return true
}
