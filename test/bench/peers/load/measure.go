package load

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/singchia/geminio/test/bench/peers/results"
)

// load is a workload that is set up, and can be run again and again.
type load interface {
	// run performs operations until stop is set, and returns how many, when
	// the far side has taken all of them.
	run(stop *atomic.Bool) (ops int64, err error)

	// bytes is what one operation carries.
	bytes() int

	// close ends the load with what carries it.
	close() error
}

// reporter is a load with figures of its own for the last run.
type reporter interface {
	report(s *results.Sample)
}

// measure sets a load up, runs it and fills the sample in.
func measure(open func() (load, error), t Times, s *results.Sample) error {
	idle := runtime.NumGoroutine()
	l, err := open()
	if err != nil {
		return err
	}
	if _, _, err := runFor(l, t.Warm); err != nil {
		return err
	}
	runtime.GC() // what setting up left is not to be collected later

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ops, took, err := runFor(l, t.Timed)
	if err != nil {
		return err
	}
	runtime.ReadMemStats(&after)

	s.Ops, s.Seconds, s.Bytes = ops, took.Seconds(), ops*int64(l.bytes())
	s.Goroutines = runtime.NumGoroutine() - idle
	if ops > 0 {
		s.BytesPerOp = float64(after.TotalAlloc-before.TotalAlloc) / float64(ops)
		s.AllocsPerOp = float64(after.Mallocs-before.Mallocs) / float64(ops)
	}
	if r, ok := l.(reporter); ok {
		r.report(s)
	}
	return l.close()
}

// runFor runs l for d. Nobody looks at the clock meanwhile: a timer says when
// it is over.
func runFor(l load, d time.Duration) (ops int64, took time.Duration, err error) {
	if d <= 0 {
		return 0, 0, nil
	}
	var stop atomic.Bool
	begin := time.Now()
	timer := time.AfterFunc(d, func() { stop.Store(true) })
	defer timer.Stop()
	ops, err = l.run(&stop)
	return ops, time.Since(begin), err
}

// workers runs op on so many goroutines, over and over until stop is set, and
// returns how often. The first error ends all of them.
func workers(n int, stop *atomic.Bool, op func(worker int) error) (int64, error) {
	if n == 1 {
		return repeat(stop, func() error { return op(0) })
	}
	var (
		wg    sync.WaitGroup
		total atomic.Int64
		first atomic.Pointer[error]
	)
	for w := range n {
		wg.Go(func() {
			ops, err := repeat(stop, func() error { return op(w) })
			total.Add(ops)
			if err != nil {
				first.CompareAndSwap(nil, &err)
				stop.Store(true)
			}
		})
	}
	wg.Wait()
	if err := first.Load(); err != nil {
		return 0, *err
	}
	return total.Load(), nil
}

func repeat(stop *atomic.Bool, op func() error) (n int64, err error) {
	for !stop.Load() {
		if err := op(); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// pattern returns size bytes that are not all alike.
func pattern(size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	return p
}
