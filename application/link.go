package application

// linkNews are the changes of the connection that the delegate has not been
// told of. They alternate, so a number says them all. End.mu guards it.
type linkNews struct {
	untold  int
	resumed bool // the next one to be told is that it was resumed
	telling bool // a goroutine tells them
}

// Suspended has ConnSuspended called: the connection has lost its transport
// and waits for another. It does not block. Suspended and Resumed must be
// called alternately, Suspended first.
func (e *End) Suspended() { e.linkChanged() }

// Resumed has ConnResumed called: a new transport carries the connection. It
// does not block.
func (e *End) Resumed() { e.linkChanged() }

func (e *End) linkChanged() {
	if e.cfg.ConnSuspended == nil && e.cfg.ConnResumed == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.offline {
		return // ConnOffline is the last to be called
	}
	e.link.untold++
	if !e.link.telling {
		e.link.telling = true
		e.callbacks++
		go e.tellLink()
	}
}

// tellLink runs ConnSuspended or ConnResumed, whichever is due, and blocks in
// it. It is counted among the callbacks. The next one has a goroutine of its
// own, since a callback may end this one.
func (e *End) tellLink() {
	defer e.toldLink()
	e.mu.Lock()
	due, name, callback := e.link.untold > 0, "ConnSuspended", e.cfg.ConnSuspended
	if due {
		e.link.untold--
		if e.link.resumed {
			name, callback = "ConnResumed", e.cfg.ConnResumed
		}
		e.link.resumed = !e.link.resumed
	}
	e.mu.Unlock()
	if due && callback != nil {
		e.protect(name, callback)
	}
}

func (e *End) toldLink() {
	e.mu.Lock()
	if e.link.untold > 0 {
		e.mu.Unlock()
		go e.tellLink()
		return
	}
	e.link.telling = false
	e.mu.Unlock()
	e.callbackReturns()
}
