// Package goals measures geminio beside what it is to reach, in alternating
// runs, and says which goals are met.
package goals

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/singchia/geminio/test/bench/peers/compare"
	"github.com/singchia/geminio/test/bench/peers/results"
	"github.com/singchia/geminio/test/bench/peers/stats"
)

// Plan says how the goals are measured.
type Plan struct {
	Workloads *regexp.Regexp // of ours; the others are left out
	Rounds    int
	Span      time.Duration
	CPU       int // GOMAXPROCS of goals that name none
}

// Verdict is what was found of a goal.
type Verdict struct {
	Goal
	Ref      string // the reference that counted, "" without
	Value    float64
	Against  float64 // the figure of the reference
	Ratio    float64 // the figure itself, without reference
	Interval stats.Interval
	Met      bool
	Failed   string
}

// run is one thing to be run each round.
type run struct {
	peer, workload string
	cpu            int
}

// Run measures the goals of table that the plan chooses and prints each as
// soon as it is known. Goals whose runs are the same share them.
func (p Plan) Run(ctx context.Context, r compare.Runner, table []Goal, out io.Writer) ([]Verdict, error) {
	var chosen []Goal
	for _, g := range table {
		if p.Workloads.MatchString(g.Ours.Workload) {
			chosen = append(chosen, g)
		}
	}
	if len(chosen) == 0 || p.Rounds < 1 {
		return nil, fmt.Errorf("no goals to measure")
	}
	fmt.Fprintf(out, lineFormat, "goal", "reference", "geminio", "reference", "", "ratio", "interval", "wanted", "")
	var all []Verdict
	for _, group := range p.groups(chosen) {
		samples, err := p.measure(ctx, r, group)
		if err != nil {
			return all, err
		}
		for _, g := range group {
			v := p.judge(g, samples)
			fmt.Fprintln(out, strings.TrimRight(v.String(), " "))
			all = append(all, v)
		}
	}
	return all, nil
}

// groups puts goals together that are for the same workloads and CPUs, in
// their order.
func (p Plan) groups(all []Goal) [][]Goal {
	var groups [][]Goal
	index := map[run]int{}
	for _, g := range all {
		family := g.Ours.Workload
		if strings.HasPrefix(family, "RPCUnderBulk/") {
			family = "RPCUnderBulk"
		}
		key := run{workload: family, cpu: p.cpu(g)}
		i, ok := index[key]
		if !ok {
			i = len(groups)
			index[key] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], g)
	}
	return groups
}

func (p Plan) cpu(g Goal) int {
	if g.CPU > 0 {
		return g.CPU
	}
	return p.CPU
}

// measure runs what the goals of a group need, each once a round, and returns
// the samples by round.
func (p Plan) measure(ctx context.Context, r compare.Runner, group []Goal) (map[run][]results.Sample, error) {
	var runs []run
	for _, g := range group {
		for _, s := range append([]Side{g.Ours}, g.Refs...) {
			if one := (run{s.Peer, s.Workload, p.cpu(g)}); !slices.Contains(runs, one) {
				runs = append(runs, one)
			}
		}
	}
	samples := map[run][]results.Sample{}
	for round := range p.Rounds {
		for _, one := range compare.Rotated(runs, round) {
			s := r.Run(ctx, compare.Job{Peer: one.peer, Workload: one.workload, Round: round + 1, CPU: one.cpu, Span: p.Span})
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			samples[one] = append(samples[one], s)
		}
	}
	return samples, nil
}

// judge says whether g is met: it is when the interval reaches it.
func (p Plan) judge(g Goal, samples map[run][]results.Sample) Verdict {
	v := Verdict{Goal: g}
	figures := func(s Side) []float64 {
		var all []float64
		for _, sample := range samples[run{s.Peer, s.Workload, p.cpu(g)}] {
			if sample.Failed != "" {
				v.Failed = fmt.Sprintf("%s %s: %s", s.Peer, s.Workload, sample.Failed)
			}
			all = append(all, s.Metric.Of(sample))
		}
		return all
	}
	ratios := figures(g.Ours)
	v.Value = stats.Median(ratios)
	if len(g.Refs) > 0 {
		best, ref := g.Refs[0], figures(g.Refs[0])
		for _, s := range g.Refs[1:] {
			if other := figures(s); better(s.Metric, stats.Median(other), stats.Median(ref)) {
				best, ref = s, other
			}
		}
		v.Ref, v.Against = best.Peer, stats.Median(ref)
		if best.Workload != g.Ours.Workload {
			v.Ref = strings.TrimPrefix(best.Workload, "RPCUnderBulk/")
		}
		ratios = stats.Ratios(ratios, ref)
	}
	if v.Failed != "" {
		return v
	}
	v.Ratio, v.Interval = stats.Median(ratios), stats.MedianInterval(ratios)
	if g.Ours.Metric.More {
		v.Met = v.Interval.High >= g.Limit
	} else {
		v.Met = v.Interval.Low <= g.Limit
	}
	return v
}

func better(m Metric, a, b float64) bool {
	if m.More {
		return a > b
	}
	return a < b
}

const lineFormat = "%-30s %-12s %10s %10s %-10s %8s  %-18s %-9s %s\n"

// String is the verdict as a line of the table.
func (v Verdict) String() string {
	name := v.Ours.Workload
	if v.CPU > 0 {
		name += fmt.Sprintf(" (cpu %d)", v.CPU)
	}
	if v.Failed != "" {
		return fmt.Sprintf("%-30s failed: %s", name, v.Failed)
	}
	sign, word, against := "<=", "missed", ""
	if v.Ours.Metric.More {
		sign = ">="
	}
	if v.Met {
		word = "met"
	}
	if v.Ref != "" {
		against = figure(v.Against)
	}
	return strings.TrimSuffix(fmt.Sprintf(lineFormat, name, v.Ref, figure(v.Value), against, v.Ours.Metric.Name,
		figure(v.Ratio), figure(v.Interval.Low)+".."+figure(v.Interval.High),
		fmt.Sprintf("%s %g", sign, v.Limit), word), "\n")
}

// figure writes f with as many digits as mean something.
func figure(f float64) string {
	switch a := max(f, -f); {
	case a >= 100:
		return fmt.Sprintf("%.0f", f)
	case a >= 10:
		return fmt.Sprintf("%.1f", f)
	default:
		return fmt.Sprintf("%.3f", f)
	}
}
