package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// wanted is what the interval of a ratio must reach.
const wanted = 0.97

// print writes both tables, and tells whether every interval reaches what is
// wanted.
func print(out io.Writer, all []*pairs) (reached bool) {
	reached = true
	line(out, "%-32s %5s %10s %10s %7s  %12s  %s", "", "", "resume on", "off", "ratio", "95 %", "wanted")
	for _, p := range all {
		unit, scale := "k/s", 1e-3
		if p.on.bytes > 0 {
			unit, scale = "MB/s", float64(p.on.bytes)*1e-6
		}
		ratio, low, high := interval(p.logs)
		verdict := fmt.Sprintf("reaches %.2f", wanted)
		if high < wanted {
			verdict += " !"
			reached = false
		}
		line(out, "%-32s %5s %10.4g %10.4g %7.3f  %.3f..%.3f  %s", p.on.name, unit,
			scale*median(p.on.rates), scale*median(p.off.rates), ratio, low, high, verdict)
	}

	const cost = "%-32s %8s %8s  %8s %8s  %8s %8s  %8s %8s"
	line(out, "\n%-32s %17s  %17s  %17s  %17s", "an operation, both sides", "us of processor", "allocations", "bytes allocated", "reads and writes")
	line(out, cost, "", "on", "off", "on", "off", "on", "off", "on", "off")
	for _, p := range all {
		var cells []any
		for _, of := range []func(*side) float64{
			func(s *side) float64 { return float64(s.cpu) / float64(time.Microsecond) },
			func(s *side) float64 { return float64(s.allocs) },
			func(s *side) float64 { return float64(s.allocated) },
			func(s *side) float64 { return float64(s.calls) },
		} {
			cells = append(cells, p.on.perOp(of), p.off.perOp(of))
		}
		line(out, cost, append([]any{p.on.name}, cells...)...)
	}
	line(out, "\nAll of it is of the whole process, reads and writes without waiting; - where the system does not count them.")
	return reached
}

func line(out io.Writer, format string, args ...any) {
	fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

// perOp is a sum of all measurements for each operation.
func (s *side) perOp(of func(*side) float64) string {
	if of(s) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3g", of(s)/float64(s.ops))
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
