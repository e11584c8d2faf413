package application

import "github.com/singchia/geminio/pkg/wait"

// A batch is what the reader has found in one read and the application is to
// be told of when all of it has been taken: whoever is woken at once competes
// with the reader for the locks that both need.
type batch struct {
	answered []*wait.Waiter // of calls
	starting []*served      // may run
}

// EndBatch wakes the callers that were answered and starts the requests that
// came.
func (e *End) EndBatch() {
	b := &e.batch
	for _, w := range b.answered {
		w.Wake()
	}
	for _, sv := range b.starting {
		e.work.Go(sv)
	}
	clear(b.answered)
	clear(b.starting)
	b.answered, b.starting = b.answered[:0], b.starting[:0]
}
