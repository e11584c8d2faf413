package main

import (
	"sync"
	"sync/atomic"

	"github.com/singchia/geminio/test/bench/load"
)

// workload is what is measured with resume on and off.
type workload struct {
	name  string
	bytes int // that an operation carries, 0 where operations are counted
	over  func(*load.Ends) (load.Load, error)
}

const kib = 1 << 10

func workloads() []workload {
	push := func(streams, size int) func(*load.Ends) (load.Load, error) {
		return func(ends *load.Ends) (load.Load, error) {
			conns, err := load.StreamsOf(ends, streams)
			if err != nil {
				return nil, err
			}
			return load.NewPush(conns, size, 128*kib), nil
		}
	}
	calls := func(callers, size int) func(*load.Ends) (load.Load, error) {
		return func(ends *load.Ends) (load.Load, error) {
			if err := load.ServeEcho(ends.Far); err != nil {
				return nil, err
			}
			return &echoes{load.EndCaller(ends.Near), make([]byte, size), callers}, nil
		}
	}
	return []workload{
		{"stream, writes of 128K", 128 * kib, push(1, 128*kib)},
		{"16 streams, writes of 16K", 16 * kib, push(16, 16*kib)},
		{"calls of 64 B, one after another", 0, calls(1, 64)},
		{"calls of 64 B, 64 callers", 0, calls(64, 64)},
	}
}

// echoes are calls made by so many callers at once.
type echoes struct {
	call    load.Caller
	payload []byte
	callers int
}

// Run makes n calls.
func (e *echoes) Run(n int) error {
	var (
		wg    sync.WaitGroup
		begun atomic.Int64
		once  sync.Once
		first error
	)
	for range e.callers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for begun.Add(1) <= int64(n) {
				if err := e.call(e.payload); err != nil {
					once.Do(func() { first = err })
					return
				}
			}
		}()
	}
	wg.Wait()
	return first
}

// Close does nothing: the Ends belong to who has opened them.
func (e *echoes) Close() {}
