package client

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/singchia/geminio/conn"
)

// dialsHere is how many times in an outage only the process is asked that
// knows the session. After that any other may open a new one.
const dialsHere = 2

// look starts reconnect if there is something to do for it and it does not
// run. mu is held.
func (r *RetryEnd) look() {
	if !r.reconnecting && r.due() {
		r.reconnecting = true
		go r.reconnect()
	}
}

// due tells whether a connection is wanted: by a session that has none, or for
// one that follows one that is over. mu is held.
func (r *RetryEnd) due() bool {
	s := r.newest
	if r.isClosed() { // what it has to say may still be said
		return s.suspended && !s.lost && r.dialing.Err() == nil
	}
	return s.lost && r.opened || s.suspended && !s.lost
}

// down returns the newest session while a connection is wanted, and otherwise
// notes that reconnect ends.
func (r *RetryEnd) down() *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.due() {
		return r.newest
	}
	r.reconnecting = false
	return nil
}

// suspended is called when the newest session has lost its connection.
func (r *RetryEnd) suspended(error) {
	r.mu.Lock()
	s := r.newest
	s.suspended = true
	doomed := r.dialing.Err() != nil || s.failed
	if !doomed {
		r.look()
	}
	r.mu.Unlock()
	s.end.Suspended()
	if doomed {
		s.conn.GiveUp(net.ErrClosed)
	}
}

// resumed is called when another connection carries the newest session.
func (r *RetryEnd) resumed() {
	r.mu.Lock()
	s := r.newest
	s.suspended = false
	r.mu.Unlock()
	s.end.Resumed()
}

// over is called when s has ended, for good.
func (r *RetryEnd) over(s *session, cause error) {
	r.mu.Lock()
	s.lost = true
	tell := !r.isClosed() && r.opened && !s.failed
	r.look()
	r.mu.Unlock()
	if tell && cause != nil {
		r.setup.log.Warnf("client %d: %v", s.end.ClientID(), cause)
	}
}

// reconnect makes connections as long as one is wanted. It is a goroutine,
// one at a time, that lives during an outage; it waits for the time of the next
// attempt, for the dialer and for the server's answer; the end of Close ends all
// that.
func (r *RetryEnd) reconnect() {
	warned := false
	for dials := 1; ; dials++ {
		s := r.down()
		if s == nil {
			return
		}
		if dials == 1 && s.conn != nil && !s.failed && s.conn.Moved() {
			r.backoff.Progress()
		}
		if !r.pause(r.backoff.Next(time.Now())) {
			continue
		}
		err := r.attempt(s, dials > dialsHere && !r.isClosed())
		if err == nil {
			dials, warned = 0, false
			continue
		}
		var later *conn.RetryAfter
		if errors.As(err, &later) {
			r.backoff.RetryAfter(later.Delay)
		}
		if !warned && !r.isClosed() {
			warned = true
			r.warn("connect again", err)
		}
	}
}

// warn logs what failed and is going to be tried again.
func (r *RetryEnd) warn(what string, err error) {
	if !r.isClosed() {
		r.setup.log.Warnf("client %d: cannot %s, trying on: %v", r.ClientID(), what, err)
	}
}

// pause waits, and tells whether an attempt is due then.
func (r *RetryEnd) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.dialing.Done():
	}
	return r.dialing.Err() == nil
}

// attempt makes one connection, for s or, where that is over, for a session
// that follows it.
func (r *RetryEnd) attempt(s *session, elsewhere bool) error {
	nc, err := r.dial()
	if err != nil {
		return err
	}
	r.mu.Lock()
	lost := s.lost
	r.mu.Unlock()
	var next *session
	if lost {
		next, err = r.greet(nc)
	} else {
		next, err = r.resume(s, nc, elsewhere)
	}
	if err != nil {
		return err
	}
	r.backoff.Connected(time.Now())
	if next != nil {
		go r.welcome(next)
	}
	return nil
}

// dial calls the dialer, and waits for it until Close is done at the longest: a
// connection that comes later is closed.
func (r *RetryEnd) dial() (net.Conn, error) {
	type dialed struct {
		nc  net.Conn
		err error
	}
	done := make(chan dialed)
	go func() {
		nc, err := r.dialer(r.dialing)
		select {
		case done <- dialed{nc, err}:
		case <-r.dialing.Done():
			if err == nil {
				nc.Close()
			}
		}
	}()
	select {
	case d := <-done:
		return d.nc, d.err
	case <-r.dialing.Done():
		return nil, r.dialing.Err()
	}
}

// greet makes nc a new session, or closes it.
func (r *RetryEnd) greet(nc net.Conn) (*session, error) {
	defer context.AfterFunc(r.dialing, func() { nc.Close() })()
	r.mu.Lock()
	wanted := r.newest.end.ClientID()
	r.mu.Unlock()
	c, err := conn.Client(nc, r.connConfig(), wanted, r.setup.opts.Meta)
	if err != nil {
		return nil, err
	}
	return r.begin(c), nil
}

// resume has nc carry s, or closes it. next is the session that the server has
// opened instead.
func (r *RetryEnd) resume(s *session, nc net.Conn, elsewhere bool) (next *session, err error) {
	defer context.AfterFunc(r.dialing, func() { nc.Close() })()
	c, err := s.conn.Resume(nc, elsewhere)
	if c == nil {
		return nil, err
	}
	if r.isClosed() { // nobody wants a new one
		nc.Close()
		return nil, net.ErrClosed
	}
	return r.begin(c), nil
}

func (r *RetryEnd) connConfig() conn.Config {
	cfg := r.setup.connConfig()
	cfg.Resume = true
	cfg.Offer.Publisher = r.publisher
	cfg.Suspended, cfg.Resumed = r.suspended, r.resumed
	return cfg
}
