package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/singchia/geminio/test/bench/peers/compare"
	"github.com/singchia/geminio/test/bench/peers/goals"
	"github.com/singchia/geminio/test/bench/peers/results"
)

// compareCommand runs all peers in interleaved rounds and writes the results,
// those that there are also when it is interrupted.
func compareCommand(ctx context.Context, args []string, out io.Writer) error {
	var (
		f         = flag.NewFlagSet("compare", flag.ContinueOnError)
		rounds    = f.Int("rounds", 5, "how often each is run")
		d         = f.Duration("d", time.Second, "how long each is measured")
		workloads = f.String("workloads", "", "only those that match this regular `expression`")
		names     = f.String("peers", "", "only those that match this regular `expression`")
		cpus      = f.String("cpu", strconv.Itoa(runtime.NumCPU()), "values of GOMAXPROCS, as 1,2")
		file      = f.String("o", "results.json", "the `file` to write")
		strace    = f.Bool("strace", false, "count system calls too, with strace")
	)
	if err := f.Parse(args); err != nil {
		return err
	}
	plan := compare.Plan{Rounds: *rounds, Span: *d}
	var err error
	if plan.Workloads, err = regexp.Compile(*workloads); err != nil {
		return err
	}
	if plan.Peers, err = regexp.Compile(*names); err != nil {
		return err
	}
	if plan.CPUs, err = numbers(*cpus); err != nil {
		return fmt.Errorf("-cpu: %w", err)
	}
	return withChildren(ctx, func(c *compare.Children) error {
		known, err := c.List(ctx)
		if err != nil {
			return err
		}
		r := results.Results{Machine: compare.Machine(time.Now()), Versions: compare.Versions(known)}
		r.Samples, err = plan.Run(ctx, c, out)
		if err == nil && *strace {
			r.Syscalls, err = c.Syscalls(ctx, plan)
		}
		if len(r.Samples) == 0 {
			return err
		}
		if wrote := r.Write(*file); wrote != nil {
			return wrote
		}
		return err
	})
}

// goalsCommand measures the goals. It ends with errMissed where one is missed.
func goalsCommand(ctx context.Context, args []string, out io.Writer) error {
	var (
		f         = flag.NewFlagSet("goals", flag.ContinueOnError)
		rounds    = f.Int("rounds", 15, "how often each is run, in turn with its reference")
		d         = f.Duration("d", time.Second, "how long each is measured")
		workloads = f.String("workloads", "", "only those that match this regular `expression`")
	)
	if err := f.Parse(args); err != nil {
		return err
	}
	chosen, err := regexp.Compile(*workloads)
	if err != nil {
		return err
	}
	plan := goals.Plan{Workloads: chosen, Rounds: *rounds, Span: *d, CPU: runtime.NumCPU()}
	return withChildren(ctx, func(c *compare.Children) error {
		verdicts, err := plan.Run(ctx, c, goals.Table, out)
		if err != nil {
			return err
		}
		for _, v := range verdicts {
			if !v.Met {
				return errMissed
			}
		}
		return nil
	})
}

// withChildren builds the programs from the working directory, which is that
// of the module, and removes them after f.
func withChildren(ctx context.Context, f func(*compare.Children) error) error {
	out, err := os.MkdirTemp("", "peers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(out)
	c, err := compare.Build(ctx, ".", out)
	if err != nil {
		return err
	}
	return f(c)
}

func numbers(list string) ([]int, error) {
	var all []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			return nil, err
		}
		if n < 1 {
			return nil, fmt.Errorf("%d is no number of CPUs", n)
		}
		all = append(all, n)
	}
	return all, nil
}
