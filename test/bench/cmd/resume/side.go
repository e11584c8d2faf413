package main

import (
	"context"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/bench/load"
)

// side is a workload with resume on or off: what all its measurements come to.
type side struct {
	workload
	resume bool

	rates     []float64 // operations per second, of each measurement
	ops       int       // of all
	cpu       time.Duration
	allocs    uint64
	allocated uint64 // bytes
	calls     uint64 // of the system: reads and writes
}

// running is a load over Ends of its own.
type running struct {
	ends *load.Ends
	load load.Load
}

// close closes the Ends first: the far side of a load may read until then.
func (r *running) close() {
	r.ends.Close()
	r.load.Close()
}

// labelled runs f with a label that goroutines started by it have too.
func (s *side) labelled(f func() error) (err error) {
	label := "off"
	if s.resume {
		label = "on"
	}
	pprof.Do(context.Background(), pprof.Labels("resume", label), func(context.Context) { err = f() })
	return err
}

// open connects a RetryEnd to a server, with the defaults of both but for the
// grace where resume is off.
func (s *side) open() (r *running, err error) {
	err = s.labelled(func() error {
		r, err = s.connect()
		return err
	})
	return r, err
}

func (s *side) connect() (*running, error) {
	opts := server.NewEndOptions()
	if !s.resume {
		opts.SetResumeGrace(0)
	}
	ln, err := server.Listen("tcp", "127.0.0.1:0", opts)
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	near, err := client.NewRetryEnd("tcp", ln.Addr().String())
	if err != nil {
		return nil, err
	}
	far, err := ln.AcceptEnd()
	if err != nil {
		_ = near.Close()
		return nil, err
	}
	ends := &load.Ends{Near: near, Far: far}
	l, err := s.over(ends)
	if err != nil {
		ends.Close()
		return nil, err
	}
	return &running{ends, l}, nil
}

// measure runs a load for about span, once windows and pools have grown.
func (s *side) measure(l load.Load, span time.Duration) error {
	return s.labelled(func() error {
		n, err := operations(l, span)
		if err != nil {
			return err
		}
		runtime.GC() // what the other one left is not ours to collect
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		calls, cpu := systemCalls(), cpuTime()
		took, err := timed(l, n)
		if err != nil {
			return err
		}
		s.cpu += cpuTime() - cpu
		s.calls += systemCalls() - calls
		runtime.ReadMemStats(&after)
		s.allocs += after.Mallocs - before.Mallocs
		s.allocated += after.TotalAlloc - before.TotalAlloc
		s.ops += n
		s.rates = append(s.rates, float64(n)/took.Seconds())
		return nil
	})
}

// operations returns how many operations take about span, and runs some for at
// least a quarter of that.
func operations(l load.Load, span time.Duration) (int, error) {
	for n := 50; ; n *= 2 {
		took, err := timed(l, n)
		if err != nil {
			return 0, err
		}
		if took > span/4 {
			return max(int(span/max(took/time.Duration(n), 1)), 1), nil
		}
	}
}

// timed returns how long n operations take.
func timed(l load.Load, n int) (time.Duration, error) {
	begin := time.Now()
	err := l.Run(n)
	return max(time.Since(begin), 1), err
}

// systemCalls returns how often this process has read and written so far, or 0
// where the system does not tell. Waiting is not counted.
func systemCalls() (n uint64) {
	stat, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(stat), "\n") {
		for _, name := range []string{"syscr: ", "syscw: "} {
			if value, ok := strings.CutPrefix(line, name); ok {
				count, _ := strconv.ParseUint(value, 10, 64)
				n += count
			}
		}
	}
	return n
}
