package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/singchia/geminio/test/bench/load"
)

// coreRounds is how many times each number of cores is measured, in turn.
const coreRounds = 5

// A workload is something that more cores should make faster.
type workload struct {
	name, unit string
	per        float64 // an operation in that unit
	open       func() (load.Load, error)
}

func workloads() []workload {
	return []workload{
		{"100 streams, 16 KiB writes", "MB/s", 16 << 10 * 1e-6, func() (load.Load, error) {
			conns, err := load.Streams(100)
			if err != nil {
				return nil, err
			}
			return load.NewPush(conns, 16<<10, 16<<10), nil
		}},
		{"64 callers, 1 connection", "k/s", 1e-3, func() (load.Load, error) { return load.NewCalls(1, 64, 64) }},
		{"10 callers each, 8 connections", "k/s", 1e-3, func() (load.Load, error) { return load.NewCalls(8, 10, 64) }},
	}
}

// throughput is a child of printCores: it says the operations per second of
// each workload.
func (o *order) throughput() error {
	for _, w := range workloads() {
		l, err := w.open()
		if err != nil {
			return err
		}
		if _, err = repeat(l, o.Span/5); err != nil { // windows grow, pools fill
			return err
		}
		begin := time.Now()
		ops, err := repeat(l, o.Span)
		if err != nil {
			return err
		}
		if err := say(float64(ops) / time.Since(begin).Seconds()); err != nil {
			return err
		}
		l.Close()
	}
	return nil
}

// repeat runs l for about span and returns how many operations that were.
func repeat(l load.Load, span time.Duration) (ops int, err error) {
	n := 100
	for begin := time.Now(); time.Since(begin) < span; {
		if err := l.Run(n); err != nil {
			return 0, err
		}
		ops += n
		if time.Since(begin) < span/8 {
			n *= 2
		}
	}
	return ops, nil
}

func printCores(out io.Writer, span time.Duration) error {
	all := workloads()
	rates := make([][2][]float64, len(all))
	for round := range coreRounds {
		for i := range 2 {
			cores := (i+round)%2 + 1 // a machine that gets slower favours neither
			if err := measureCores(cores, span, func(w int, rate float64) {
				rates[w][cores-1] = append(rates[w][cores-1], rate)
			}); err != nil {
				return fmt.Errorf("GOMAXPROCS %d: %w", cores, err)
			}
		}
	}
	fmt.Fprintf(out, "%-32s %5s %12s %12s %7s\n", "GOMAXPROCS", "", "1", "2", "2 / 1")
	for i, w := range all {
		one, two := median(rates[i][0])*w.per, median(rates[i][1])*w.per
		fmt.Fprintf(out, "%-32s %5s %12.4g %12.4g %7.2f\n", w.name, w.unit, one, two, two/one)
	}
	fmt.Fprintf(out, "\nBoth sides in one process; medians of %d processes each.\n", coreRounds)
	return nil
}

func measureCores(cores int, span time.Duration, add func(workload int, rate float64)) error {
	c, err := start(order{Do: "cores", Span: span}, fmt.Sprintf("GOMAXPROCS=%d", cores))
	if err != nil {
		return err
	}
	defer c.end()
	for w := range workloads() {
		var rate float64
		if err := c.hear(&rate); err != nil {
			return err
		}
		add(w, rate)
	}
	return nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
