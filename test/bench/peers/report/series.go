package report

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/singchia/geminio/test/bench/peers/results"
	"github.com/singchia/geminio/test/bench/peers/stats"
)

// figure is what the rounds of one workload over one peer come to: medians of
// the rounds that finished, NaN where none did.
type figure struct {
	peer             string
	rounds, finished int

	micros, spread float64 // an operation; spread as a part of one
	perSecond, mbs float64
	bytes, allocs  float64 // an operation
	extra          map[string]float64
	text           map[string]string
}

type key struct {
	workload string
	cpu      int
}

// series has the figures of all workloads.
type series struct {
	figures map[key][]figure
	cpus    []int
	cpu     int // of all tables but the one of cores
}

func newSeries(r results.Results) series {
	type run struct {
		key
		peer string
	}
	samples := map[run][]results.Sample{}
	cpus := map[int]bool{}
	for _, s := range r.Samples {
		at := run{key{s.Workload, s.CPU}, s.Peer}
		samples[at] = append(samples[at], s)
		cpus[s.CPU] = true
	}
	all := series{figures: map[key][]figure{}, cpus: slices.Sorted(maps.Keys(cpus))}
	for at, of := range samples {
		f := reduce(at.peer, of)
		if f.shown() {
			all.figures[at.key] = append(all.figures[at.key], f)
		}
	}
	for _, of := range all.figures {
		slices.SortFunc(of, func(a, b figure) int { return cmp.Compare(a.peer, b.peer) })
	}
	if n := len(all.cpus); n > 0 {
		all.cpu = all.cpus[n-1]
	}
	return all
}

// shown says whether f has a row. One of the original release has it only where
// all rounds finished.
func (f figure) shown() bool {
	return kindOf(f.peer) != original || f.finished == f.rounds
}

func reduce(peer string, samples []results.Sample) figure {
	samples = slices.Clone(samples)
	slices.SortStableFunc(samples, func(a, b results.Sample) int { return a.Round - b.Round })
	f := figure{peer: peer, rounds: len(samples), extra: map[string]float64{}}
	samples = slices.DeleteFunc(samples, func(s results.Sample) bool { return s.Failed != "" })
	f.finished = len(samples)

	of := func(value func(results.Sample) float64) []float64 {
		v := make([]float64, len(samples))
		for i, s := range samples {
			v[i] = value(s)
		}
		return v
	}
	took := of(func(s results.Sample) float64 { return s.Seconds * 1e6 / float64(s.Ops) })
	f.micros, f.spread = stats.Median(took), stats.Spread(took)
	f.perSecond = stats.Median(of(func(s results.Sample) float64 { return float64(s.Ops) / s.Seconds }))
	f.mbs = stats.Median(of(func(s results.Sample) float64 { return float64(s.Bytes) / s.Seconds / 1e6 }))
	f.bytes = stats.Median(of(func(s results.Sample) float64 { return s.BytesPerOp }))
	f.allocs = stats.Median(of(func(s results.Sample) float64 { return s.AllocsPerOp }))
	if f.finished > 0 {
		f.text = samples[0].Text
		for name := range samples[0].Extra {
			f.extra[name] = stats.Median(of(func(s results.Sample) float64 { return s.Extra[name] }))
		}
	}
	return f
}

// value is a figure of its own workload, NaN where it has none.
func (f figure) value(name string) float64 {
	if v, ok := f.extra[name]; ok {
		return v
	}
	return math.NaN()
}

// of returns the figures of a workload with as many CPUs as there are.
func (s series) of(workload string) []figure { return s.figures[key{workload, s.cpu}] }

func (s series) find(workload, peer string, cpu int) (figure, bool) {
	of := s.figures[key{workload, cpu}]
	i := slices.IndexFunc(of, func(f figure) bool { return f.peer == peer })
	if i < 0 {
		return figure{}, false
	}
	return of[i], true
}

// sorted returns the figures of a workload, the best first and what has none last.
func (s series) sorted(workload string, m metric) []figure {
	of := slices.Clone(s.of(workload))
	slices.SortStableFunc(of, func(a, b figure) int { return m.compare(m.of(a), m.of(b)) })
	return of
}

// best returns the best of the others.
func (s series) best(workload string, m metric) (figure, bool) {
	for _, f := range s.sorted(workload, m) {
		if kindOf(f.peer).rival() && known(m.of(f)) {
			return f, true
		}
	}
	return figure{}, false
}
