package compare

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/singchia/geminio/test/bench/peers/results"
)

// traced are the workloads whose system calls are counted.
var traced = []string{"RPC/1K/serial", "RPC/1K/1x64", "StreamThroughput/1K"}

// traceSpan is how long they run at least: under strace few operations are done.
const traceSpan = time.Second

// Syscalls counts the system calls of some workloads with strace, less those
// that setting up alone takes. The time they take then means nothing.
func (c *Children) Syscalls(ctx context.Context, p Plan) ([]results.Syscalls, error) {
	if _, err := exec.LookPath("strace"); err != nil {
		return nil, err
	}
	var all []results.Syscalls
	p.Rounds, p.CPUs = 1, p.CPUs[len(p.CPUs)-1:]
	p.Span = max(p.Span, traceSpan)
	for _, j := range p.Jobs(c.entries) {
		if !slices.Contains(traced, j.Workload) {
			continue
		}
		s, err := c.syscalls(ctx, j)
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	return all, nil
}

func (c *Children) syscalls(ctx context.Context, j Job) (results.Syscalls, error) {
	s := results.Syscalls{Peer: j.Peer, Workload: j.Workload}
	sample, counts, err := c.trace(ctx, j)
	if err != nil {
		return s, err
	}
	if sample.Failed != "" || sample.Ops == 0 {
		s.Failed = cmp.Or(sample.Failed, "no operations")
		return s, nil
	}
	j.Span = 0
	_, setup, err := c.trace(ctx, j)
	if err != nil {
		return s, err
	}
	s.Ops, s.PerOp = sample.Ops, perOp(counts, setup, sample.Ops)
	return s, nil
}

// perOp is what each of so many operations needs beyond setup.
func perOp(counts, setup map[string]int64, ops int64) map[string]float64 {
	each := map[string]float64{}
	for name, n := range counts {
		if n > setup[name] {
			each[name] = float64(n-setup[name]) / float64(ops)
		}
	}
	return each
}

// trace runs a job under strace.
func (c *Children) trace(ctx context.Context, j Job) (s results.Sample, counts map[string]int64, err error) {
	f, err := os.CreateTemp("", "strace-")
	if err != nil {
		return s, nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()

	args := []string{"-f", "-c", "-o", f.Name(), c.of[j.Peer]}
	args = append(append(args, childArgs(j)...), "-warm", "0s")
	s = runChild(ctx, j, "strace", args...)
	if ctx.Err() != nil {
		return s, nil, ctx.Err()
	}
	if s.Failed != "" {
		return s, nil, nil
	}
	counts, err = parseCounts(f)
	return s, counts, err
}

// parseCounts reads the table of strace -c: time, seconds, usecs/call, calls,
// errors (which may be empty) and the name.
func parseCounts(r io.Reader) (map[string]int64, error) {
	counts := map[string]int64{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 5 || f[len(f)-1] == "total" {
			continue
		}
		if _, err := strconv.ParseFloat(f[0], 64); err != nil {
			continue // the head of the table, and the rules
		}
		n, err := strconv.ParseInt(f[3], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("strace: %q: %w", lines.Text(), err)
		}
		counts[f[len(f)-1]] = n
	}
	if len(counts) == 0 {
		return nil, errors.Join(errors.New("strace: no table"), lines.Err())
	}
	return counts, lines.Err()
}
