// Command resume measures what it costs that a session can survive its
// connection: the same client and server with sessions that resume and without
// them, in alternating pairs, each over connections of its own. It prints the
// ratio of their rates with its 95 % interval, and what an operation costs on
// both sides together. It exits with 1 when a measurement fails, and with
// -strict also when an interval does not reach its mark.
//
//	go run ./test/bench/cmd/resume -run stream -pairs 101
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"time"
)

func main() {
	var (
		pattern = flag.String("run", "", "measure only what matches this regular `expression`")
		count   = flag.Int("pairs", 41, "how many times each of both is measured")
		span    = flag.Duration("d", 150*time.Millisecond, "how long each measurement takes, about")
		profile = flag.String("cpuprofile", "", "write a CPU profile, whose label resume is on or off, to this `file`")
		strict  = flag.Bool("strict", false, "exit with 1 when an interval does not reach its mark")
	)
	flag.Parse()
	reached, err := run(os.Stdout, *pattern, *count, *span, *profile)
	if err != nil {
		fmt.Fprintln(os.Stderr, "resume:", err)
		os.Exit(1)
	}
	if *strict && !reached {
		os.Exit(1)
	}
}

func run(out io.Writer, pattern string, count int, span time.Duration, profile string) (reached bool, err error) {
	chosen, err := regexp.Compile(pattern)
	if err != nil {
		return false, err
	}
	if count < fewest || span <= 0 {
		return false, fmt.Errorf("%d pairs of %v: too few to say anything", count, span)
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return false, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return false, err
		}
		defer pprof.StopCPUProfile()
	}

	fmt.Fprintf(out, "%s %s/%s, GOMAXPROCS %d, %d pairs of %v\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.GOMAXPROCS(0), count, span)
	var all []*pairs
	for _, w := range workloads() {
		if !chosen.MatchString(w.name) {
			continue
		}
		p := newPairs(w)
		for i := range count {
			if err := p.add(span, i%2 == 1); err != nil {
				return false, fmt.Errorf("%s: %w", w.name, err)
			}
		}
		all = append(all, p)
	}
	return print(out, all), nil
}

// bounded runs f, and ends the process with the stacks of all goroutines if it
// takes a minute longer than it should.
func bounded(span time.Duration, f func() error) error {
	watchdog := time.AfterFunc(10*span+time.Minute, func() {
		debug.SetTraceback("all")
		panic("a measurement does not end")
	})
	defer watchdog.Stop()
	return f()
}
