// Package work runs short tasks on goroutines that are used again while there
// is much to do: a new goroutine begins with a small stack, and growing it
// costs more than many a task.
package work

import (
	"sync"
	"time"
)

// linger is about how long a goroutine without a task is kept.
const linger = 10 * time.Millisecond

// A Task is what a Pool runs. Run may block, panic, which ends the process as
// anywhere, or end its goroutine.
type Task interface{ Run() }

// A Pool runs tasks, as many at once as it is given. Its zero value is ready
// for use. When nothing has run for a moment it holds no goroutine and no
// timer.
type Pool struct {
	mu     sync.Mutex // guards what follows
	idle   *worker    // the one that became idle last comes first
	count  int        // how many are idle
	least  int        // how few were since the last sweep: so many are not needed
	sweep  *time.Timer
	armed  bool
	closed bool
}

type worker struct {
	tasks chan Task // holds one; nil ends the worker
	next  *worker
}

// Go runs t on a goroutine of the pool. It does not block and may be called
// concurrently.
func (p *Pool) Go(t Task) {
	p.mu.Lock()
	w := p.pop()
	p.mu.Unlock()
	if w != nil {
		w.tasks <- t
		return
	}
	go p.work(&worker{tasks: make(chan Task, 1)}, t)
}

// pop takes the worker that became idle last, nil if there is none. The lock is
// held.
func (p *Pool) pop() *worker {
	w := p.idle
	if w != nil {
		p.idle, w.next = w.next, nil
		p.count--
		p.least = min(p.least, p.count)
	}
	return w
}

// work runs t and what comes after it. Started by Go; blocked by tasks, and
// while idle; ended by a sweep.
func (p *Pool) work(w *worker, t Task) {
	for ; t != nil; t = <-w.tasks {
		t.Run()
		t = nil // the next may come late
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return
		}
		w.next, p.idle = p.idle, w
		p.count++
		if !p.armed {
			p.armed, p.least = true, 0
			if p.sweep == nil {
				p.sweep = time.AfterFunc(linger, p.retire)
			} else {
				p.sweep.Reset(linger)
			}
		}
		p.mu.Unlock()
	}
}

// retire ends the workers that were idle since the last sweep.
func (p *Pool) retire() {
	p.mu.Lock()
	p.end(p.least)
	p.least = p.count
	if p.armed = p.count > 0; p.armed {
		p.sweep.Reset(linger)
	}
	p.mu.Unlock()
}

// end ends n idle workers. The lock is held.
func (p *Pool) end(n int) {
	for ; n > 0; n-- {
		p.pop().tasks <- nil // it has room: an idle worker has no task
	}
}

// Close ends the goroutines that are idle, and lets no other linger. Tasks that
// run go on, and Go may still be called.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.end(p.count)
	if p.armed {
		p.armed = false
		p.sweep.Stop()
	}
	p.mu.Unlock()
}
