package load

import (
	"errors"
	"runtime"
	"time"

	"github.com/singchia/geminio/test/bench/peers/peer"
	"github.com/singchia/geminio/test/bench/peers/results"
)

// opener sets n things up and returns what ends them.
type opener func(n int) (end func(), err error)

// measureIdle fills in what each of n idle things costs, both sides together.
func measureIdle(n int, open opener, s *results.Sample) error {
	before := atRest()
	begin := time.Now()
	end, err := open(n)
	if err != nil {
		return err
	}
	took := time.Since(begin)
	after := atRest()
	end()
	each := func(before, after float64) float64 { return (after - before) / float64(n) }
	s.Ops, s.Seconds = int64(n), took.Seconds()
	s.Extra = map[string]float64{
		"n":          float64(n),
		"heap":       each(before.heap, after.heap),
		"stack":      each(before.stack, after.stack),
		"goroutines": each(before.goroutines, after.goroutines),
	}
	return nil
}

type usage struct {
	heap, stack, goroutines float64
}

// atRest collects garbage until nothing more becomes free, for at most 5 s, and
// returns what the process then uses: goroutines that were about to end have
// ended, pools are empty, and what is kept for a while has been given back.
func atRest() usage {
	var last usage
	for range 10 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		now := usage{heap: float64(m.HeapAlloc), stack: float64(m.StackInuse), goroutines: float64(runtime.NumGoroutine())}
		if last.heap != 0 && now.goroutines == last.goroutines && now.heap > 0.998*last.heap {
			return now
		}
		last = now
		<-time.After(500 * time.Millisecond)
	}
	return last
}

// idleConns returns what sets up connections of p that have been used once, or
// nil.
func idleConns(p peer.Peer) opener {
	switch {
	case p.Conns != nil:
		return p.Conns
	case p.ConnPerStream:
		return idleStreams(p)
	case p.Call != nil:
		return many(func() (func() error, error) {
			c, err := p.Call()
			if err != nil {
				return nil, err
			}
			return c.Close, call(c, pattern(besideBytes))
		})
	case p.Mux != nil:
		return many(func() (func() error, error) {
			m, err := p.Mux()
			if err != nil {
				return nil, err
			}
			s, err := openStreams(m, 1)
			s.close()
			return m.Close, err
		})
	}
	return nil
}

// idleStreams returns what sets up streams of one connection, each of which
// has carried a byte both ways.
func idleStreams(p peer.Peer) opener {
	return func(n int) (func(), error) {
		m, err := p.Mux()
		if err != nil {
			return nil, err
		}
		s, err := openStreams(m, n)
		end := func() {
			s.close()
			_ = m.Close()
		}
		return end, err
	}
}

// many opens one n times.
func many(one func() (end func() error, err error)) opener {
	return func(n int) (func(), error) {
		var ends []func() error
		endAll := func() {
			for _, end := range ends {
				_ = end()
			}
		}
		for range n {
			end, err := one()
			if end != nil {
				ends = append(ends, end)
			}
			if err != nil {
				endAll()
				return nil, errors.Join(errors.New("idle connection"), err)
			}
		}
		return endAll, nil
	}
}
