package application

import (
	"time"
)

// offlineWithin is how long the peer waits for what must be done here because
// it closed the connection, and how long ConnOffline waits for the callbacks
// of streams.
const offlineWithin = time.Second

// hasEnded tells whether the connection is being closed or lost.
func (e *End) hasEnded() bool {
	select {
	case <-e.ended:
		return true
	default:
		return false
	}
}

// markEnded notes that the connection is being closed or lost: who waits for streams
// or completions need not wait for ever.
func (e *End) markEnded() {
	e.endOnce.Do(func() { close(e.ended) })
	e.mu.Lock()
	e.accepted.waiting.WakeAll()
	e.mu.Unlock()
}

// callbackBegins and callbackReturns count the goroutines that run callbacks
// for which ConnOffline waits.
func (e *End) callbackBegins() {
	e.mu.Lock()
	e.callbacks++
	e.mu.Unlock()
}

func (e *End) callbackReturns() {
	e.mu.Lock()
	e.callbacks--
	if e.callbacks == 0 && e.offliner != nil {
		e.offliner.Wake()
	}
	e.mu.Unlock()
}

// HandleClose says farewell: the peer has closed the connection.
func (e *End) HandleClose(uint16, string) { e.goOffline(e.conn.Offline) }

// HandleClosed says that the connection has ended, for good.
func (e *End) HandleClosed(error) {
	e.work.Close()
	if e.publisher != nil {
		e.cfg.Publishers.detach(e.publisher, time.Now())
	}
	e.goOffline(func() {})
}

// goOffline has ConnOffline called, once. told is called when that has
// returned, at the latest after offlineWithin, and at once if it was called
// before.
func (e *End) goOffline(told func()) {
	e.markEnded()
	e.mu.Lock()
	first := !e.offline
	e.offline = true
	idle := e.callbacks == 0
	e.mu.Unlock()
	switch {
	case !first:
		told()
	case idle && e.cfg.ConnOffline == nil:
		told()
	default:
		go e.runOffline(told)
	}
}

// runOffline is the goroutine of ConnOffline. It blocks in it, after at most
// offlineWithin for the callbacks of streams.
func (e *End) runOffline(told func()) {
	late := time.AfterFunc(offlineWithin, told)
	defer func() {
		if late.Stop() {
			told()
		}
	}()
	e.awaitCallbacks()
	if e.cfg.ConnOffline != nil {
		e.protect("ConnOffline", e.cfg.ConnOffline)
	}
}

func (e *End) awaitCallbacks() {
	timer := time.NewTimer(offlineWithin)
	defer timer.Stop()
	w := e.mux.Waiter()
	e.mu.Lock()
	e.offliner = w
	for e.callbacks > 0 {
		e.mu.Unlock()
		select {
		case <-w.C:
		case <-timer.C:
			e.mu.Lock()
			e.offliner = nil
			e.link.untold = 0 // ConnOffline is the last to be called
			e.mu.Unlock()
			w.Put()
			return
		}
		e.mu.Lock()
	}
	e.offliner = nil
	e.mu.Unlock()
	w.Put()
}
