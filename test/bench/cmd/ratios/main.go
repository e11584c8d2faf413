// Command ratios measures geminio beside what it is compared with, raw TCP or
// the least that a call can be, in interleaved rounds, and prints the medians
// of both and of their ratio. It exits with 1 when a measurement fails, and
// with -strict also when a ratio misses its mark.
//
//	go run ./test/bench/cmd/ratios -run 'stream|call' -rounds 15
package main

import (
	"flag"
	"fmt"
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
		rounds  = flag.Int("rounds", 9, "how many times both are measured, in turn")
		span    = flag.Duration("d", 150*time.Millisecond, "how long each measurement takes, about")
		profile = flag.String("cpuprofile", "", "write a CPU profile of the rounds to this `file`")
		strict  = flag.Bool("strict", false, "exit with 1 when a ratio misses its mark")
	)
	flag.Parse()
	passed, err := run(*pattern, *rounds, *span, *profile)
	if err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
	if *strict && !passed {
		os.Exit(1)
	}
}

func run(pattern string, rounds int, span time.Duration, profile string) (passed bool, err error) {
	chosen, err := regexp.Compile(pattern)
	if err != nil {
		return false, err
	}
	if rounds < 1 || span <= 0 {
		return false, fmt.Errorf("%d rounds of %v: nothing to measure", rounds, span)
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

	fmt.Printf("%s %s/%s, GOMAXPROCS %d, %d rounds of %v\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.GOMAXPROCS(0), rounds, span)
	printHeader(os.Stdout)
	passed = true
	for _, c := range contests() {
		if !chosen.MatchString(c.name) {
			continue
		}
		rows, err := c.measure(rounds, span)
		if err != nil {
			return false, fmt.Errorf("%s: %w", c.name, err)
		}
		for _, r := range rows {
			passed = r.print(os.Stdout) && passed
		}
	}
	return passed, nil
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
