package load

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/singchia/geminio/test/bench/peers/peer"
	"github.com/singchia/geminio/test/bench/peers/results"
)

// A Workload is one thing that a peer is asked to do.
type Workload struct {
	Name string
	run  func(t Times, s *results.Sample) error
}

// Times says how long a workload runs. What is warmed up is not measured.
type Times struct {
	Warm, Timed time.Duration
}

// For is d, after a tenth of it to warm up.
func For(d time.Duration) Times { return Times{Warm: d / 10, Timed: d} }

// Scale says how many idle connections and streams there are.
type Scale struct {
	Conns, Streams int
}

// Full is the scale of the comparison.
var Full = Scale{Conns: 1000, Streams: 10_000}

// Of returns the workloads that p has what it takes for, in the order in which
// they are reported.
func Of(p peer.Peer, scale Scale) []Workload {
	var all []Workload
	add := func(name string, run func(Times, *results.Sample) error) {
		all = append(all, Workload{Name: name, run: run})
	}
	timed := func(name string, open func() (load, error)) {
		add(name, func(t Times, s *results.Sample) error { return measure(open, t, s) })
	}

	if p.Mux != nil {
		for _, size := range []int{128 << 10, 16 << 10, 1 << 10} {
			timed("StreamThroughput/"+sizeName(size), func() (load, error) { return newPush(p.Mux, 1, size, 128<<10) })
		}
		if !p.Serial {
			timed("ParallelPush", func() (load, error) { return newPush(p.Mux, 100, 16<<10, 16<<10) })
			timed("ParallelEcho", func() (load, error) { return newEcho(p.Mux, 100, 16<<10) })
		}
		timed("StreamOpenClose", func() (load, error) { return newOpenClose(p.Mux) })
	}
	if p.Call != nil {
		for _, size := range []int{64, 1 << 10, 128 << 10} {
			for _, c := range []struct {
				name           string
				conns, callers int
			}{{"serial", 1, 1}, {"8x10", 8, 10}, {"1x64", 1, 64}} {
				timed("RPC/"+sizeName(size)+"/"+c.name, func() (load, error) {
					return newCalls(p.Call, c.conns, c.callers, size)
				})
			}
		}
	}
	if p.Mixed != nil {
		for _, b := range []struct {
			name    string
			streams int
			calls   bool
		}{{"idle", 0, true}, {"bulk1", 1, true}, {"bulk16", 16, true}, {"bulk-alone1", 1, false}, {"bulk-alone16", 16, false}} {
			if b.streams > 1 && p.Serial {
				continue
			}
			timed("RPCUnderBulk/"+b.name, func() (load, error) { return newBeside(p.Mixed, b.streams, b.calls) })
		}
	}
	if p.Message != nil {
		for _, size := range []int{64, 1 << 10, 128 << 10} {
			name := "Message/" + sizeName(size)
			timed(name+"/serial", func() (load, error) { return newMessages(p.Message, 1, size) })
			timed(name+"/par64", func() (load, error) { return newMessages(p.Message, 64, size) })
			timed(name+"/async", func() (load, error) { return newAsync(p.Message, 256, size) })
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Extra)) {
		timed(name, func() (load, error) { return newExtra(p.Extra[name]) })
	}
	if p.Mux != nil && !p.ConnPerStream {
		add("hol", func(t Times, s *results.Sample) error { return headOfLine(p, t, s) })
	}
	if open := idleConns(p); open != nil {
		add("mem-conn", func(_ Times, s *results.Sample) error { return measureIdle(scale.Conns, open, s) })
	}
	if p.Mux != nil && !p.Serial && !p.ConnPerStream {
		add("mem-stream", func(_ Times, s *results.Sample) error { return measureIdle(scale.Streams, idleStreams(p), s) })
	}
	return all
}

// Run runs the workload. It fails when there is no answer for patience beyond
// the time it is to take; what hangs then goes on hanging.
func (w Workload) Run(t Times, patience time.Duration) results.Sample {
	type outcome struct {
		sample results.Sample
		err    error
	}
	ended := make(chan outcome, 1)
	go func() {
		var o outcome
		o.err = w.run(t, &o.sample)
		ended <- o
	}()
	var o outcome
	select {
	case o = <-ended:
	case <-time.After(t.Warm + t.Timed + patience):
		o.err = fmt.Errorf("no answer for %v", patience)
	}
	if o.err != nil {
		return results.Sample{Workload: w.Name, Failed: o.err.Error()}
	}
	o.sample.Workload = w.Name
	return o.sample
}

func sizeName(n int) string {
	if n < 1<<10 {
		return fmt.Sprintf("%dB", n)
	}
	return fmt.Sprintf("%dK", n>>10)
}
