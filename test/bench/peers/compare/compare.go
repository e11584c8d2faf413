// Package compare runs workloads over peers in interleaved rounds, each in a
// process of its own.
package compare

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/singchia/geminio/test/bench/peers/results"
)

// Plan says what is to be run.
type Plan struct {
	Peers, Workloads *regexp.Regexp
	Rounds           int
	Span             time.Duration // of each run
	CPUs             []int         // values of GOMAXPROCS, one after the other
}

// Jobs returns all runs in their order: workload by workload, round by round,
// every peer once a round. Who begins changes from round to round.
func (p Plan) Jobs(entries []Entry) []Job {
	var workloads []string
	peers := map[string][]string{} // by workload
	for _, e := range entries {
		if !p.Peers.MatchString(e.Peer) {
			continue
		}
		for _, w := range e.Workloads {
			if !p.Workloads.MatchString(w) {
				continue
			}
			if peers[w] == nil {
				workloads = append(workloads, w)
			}
			peers[w] = append(peers[w], e.Peer)
		}
	}
	var jobs []Job
	for _, cpu := range p.CPUs {
		for _, w := range workloads {
			for round := range p.Rounds {
				for _, name := range Rotated(peers[w], round) {
					jobs = append(jobs, Job{Peer: name, Workload: w, Round: round + 1, CPU: cpu, Span: p.Span})
				}
			}
		}
	}
	return jobs
}

// Rotated returns all, beginning with another one each round and going the
// other way every second time round.
func Rotated[T any](all []T, round int) []T {
	if len(all) == 0 {
		return nil
	}
	n := round % len(all)
	turned := append(slices.Clone(all[n:]), all[:n]...)
	if round/len(all)%2 == 1 {
		slices.Reverse(turned)
	}
	return turned
}

// Run runs all jobs of the plan, says on progress what it does, and returns
// the samples. It ends early with ctx, and then returns an error too.
func (p Plan) Run(ctx context.Context, r Runner, progress io.Writer) ([]results.Sample, error) {
	entries, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	jobs := p.Jobs(entries)
	if len(jobs) == 0 {
		return nil, fmt.Errorf("nothing to run: no peer and workload match")
	}
	var samples []results.Sample
	for i, j := range jobs {
		s := r.Run(ctx, j)
		if ctx.Err() != nil {
			return samples, ctx.Err()
		}
		samples = append(samples, s)
		fmt.Fprintf(progress, "%d/%d %s\n", i+1, len(jobs), Line(s))
	}
	return samples, nil
}

// Line is a sample in a few words.
func Line(s results.Sample) string {
	head := fmt.Sprintf("%-24s %-18s cpu %d round %d", s.Workload, s.Peer, s.CPU, s.Round)
	switch {
	case s.Failed != "":
		return head + "  failed: " + s.Failed
	case s.Text != nil:
		return fmt.Sprintf("%s  A %s; B %s; call %s; open %s", head, s.Text["A"], s.Text["B"], s.Text["call"], s.Text["open"])
	case s.Extra["n"] > 0:
		return fmt.Sprintf("%s  %.0f B, %.2f goroutines", head, s.Extra["heap"]+s.Extra["stack"], s.Extra["goroutines"])
	case s.Extra["p50us"] > 0:
		return fmt.Sprintf("%s  p50 %.1f us, p99 %.1f us, bulk %.0f MB/s", head, s.Extra["p50us"], s.Extra["p99us"], s.Extra["bulkMBs"])
	}
	return fmt.Sprintf("%s  %.3f us/op, %.1f MB/s, %.0f B/op, %.1f allocs/op",
		head, s.Seconds/float64(s.Ops)*1e6, float64(s.Bytes)/s.Seconds/1e6, s.BytesPerOp, s.AllocsPerOp)
}
