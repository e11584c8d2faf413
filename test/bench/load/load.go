package load

import (
	"sync"
	"sync/atomic"
)

// Load is a workload that is set up and can be run again and again.
type Load interface {
	// Run performs n operations and returns when the far side has taken all of
	// them, or the first error. It must not be called concurrently.
	Run(n int) error
	// Close ends the workload with what carries it, and waits for its
	// goroutines.
	Close()
}

// share runs n operations on k workers, each of which takes the next one as
// soon as it is free. It returns the first error, when all workers have ended.
func share(n, k int, op func(worker int) error) error {
	if k == 1 {
		for range n {
			if err := op(0); err != nil {
				return err
			}
		}
		return nil
	}
	var (
		wg    sync.WaitGroup
		begun atomic.Int64
		first atomic.Pointer[error]
	)
	wg.Add(k)
	for w := range k {
		go func() {
			defer wg.Done()
			for begun.Add(1) <= int64(n) {
				if err := op(w); err != nil {
					first.CompareAndSwap(nil, &err)
					begun.Add(int64(n)) // the others stop too
					return
				}
			}
		}()
	}
	wg.Wait()
	if err := first.Load(); err != nil {
		return *err
	}
	return nil
}
