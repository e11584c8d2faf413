package application

import "github.com/singchia/geminio/pkg/wait"

// A batch is what the reader has found in one read and the application is to
// be told of when all of it has been taken: whoever is woken at once competes
// with the reader for the locks that both need.
type batch struct {
	woken    []*wait.Waiter // of calls and publications that are answered, and of Receive
	starting []*served      // may run
}

// EndBatch wakes those who have something now and starts the requests that
// came.
func (e *End) EndBatch() {
	b := &e.batch
	for _, w := range b.woken {
		w.Wake()
	}
	for _, sv := range b.starting {
		e.work.Go(sv)
	}
	clear(b.woken)
	clear(b.starting)
	b.woken, b.starting = b.woken[:0], b.starting[:0]
}
