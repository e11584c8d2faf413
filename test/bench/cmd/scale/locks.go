package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/singchia/geminio/test/bench/load"
)

// topLocks is how many places are shown.
const topLocks = 8

// A contention is what was waited for a lock at one place of the code.
type contention struct {
	place string
	count int64
	wait  time.Duration
}

// printLocks shows, of what many share, who held others up and who waited.
func printLocks(out io.Writer, span time.Duration) error {
	for _, w := range workloads()[:2] {
		l, err := w.open()
		if err != nil {
			return err
		}
		err = printLocksOf(out, w.name, l, span)
		l.Close()
		if err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "\nA wait lasts until the waiter runs again, so it is longer than a lock is held. How long that is follows\n"+
		"from how often somebody finds the lock held: held / op is waits / op by the time of an operation, for\n"+
		"each other processor. It is too much where the machine does other things beside.")
	return nil
}

func printLocksOf(out io.Writer, name string, l load.Load, span time.Duration) error {
	if _, err := repeat(l, span/5); err != nil { // windows grow, pools fill
		return err
	}
	runtime.SetMutexProfileFraction(1)
	runtime.SetBlockProfileRate(1)
	defer runtime.SetMutexProfileFraction(0)
	defer runtime.SetBlockProfileRate(0)
	heldBefore, waitedBefore := contentions(runtime.MutexProfile), contentions(runtime.BlockProfile)
	begin := time.Now()
	ops, err := repeat(l, span)
	took := time.Since(begin)
	if err != nil {
		return err
	}
	busy := float64(took) / float64(ops) / float64(max(1, runtime.GOMAXPROCS(0)-1))
	held, waited := contentions(runtime.MutexProfile), contentions(runtime.BlockProfile)
	const line = "  %-64s %12.4f %12.0f %12.0f\n"
	fmt.Fprintf(out, "%s: %.0f ns an operation\n", name, float64(took)/float64(ops))
	for _, p := range []struct {
		title         string
		before, after map[string]contention
	}{
		{"held it while others waited, at unlocking", heldBefore, held},
		{"waited", waitedBefore, waited},
	} {
		fmt.Fprintf(out, "  %-64s %12s %12s %12s\n", "who "+p.title, "waits / op", "ns a wait", "ns held / op")
		for _, c := range since(p.before, p.after) {
			fmt.Fprintf(out, line, c.place, float64(c.count)/float64(ops), float64(c.wait)/float64(c.count), float64(c.count)/float64(ops)*busy)
		}
	}
	return nil
}

// since returns the places where most was waited between two profiles.
func since(before, after map[string]contention) []contention {
	var all []contention
	for place, c := range after {
		c.count -= before[place].count
		c.wait -= before[place].wait
		if c.count > 0 {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b contention) int { return cmp.Compare(b.wait, a.wait) })
	return all[:min(len(all), topLocks)]
}

// contentions returns what a profile says of locks, by place.
func contentions(profile func([]runtime.BlockProfileRecord) (int, bool)) map[string]contention {
	records := make([]runtime.BlockProfileRecord, 64)
	n, ok := profile(records)
	for !ok {
		records = make([]runtime.BlockProfileRecord, n+64)
		n, ok = profile(records)
	}
	perNano := cyclesPerNano()
	all := make(map[string]contention)
	for _, r := range records[:n] {
		place, ok := placeOf(r.Stack())
		if !ok {
			continue
		}
		c := all[place]
		all[place] = contention{place, c.count + r.Count, c.wait + time.Duration(float64(r.Cycles)/perNano)}
	}
	return all
}

// placeOf returns the function that locks or unlocks; false where the stack is
// that of a channel.
func placeOf(stack []uintptr) (place string, lock bool) {
	frames := runtime.CallersFrames(stack)
	for {
		f, more := frames.Next()
		inside := strings.HasPrefix(f.Function, "runtime.") || strings.HasPrefix(f.Function, "sync.") ||
			strings.HasPrefix(f.Function, "internal/sync.")
		lock = lock || strings.Contains(f.Function, "Mutex") || strings.HasSuffix(f.Function, "untime.unlock")
		if !inside || !more {
			name := f.Function[strings.LastIndex(f.Function, "/")+1:]
			return fmt.Sprintf("%s:%d", name, f.Line), lock
		}
	}
}

// cyclesPerNano returns the unit of the profiles, which only their text tells.
func cyclesPerNano() float64 {
	var text bytes.Buffer
	if err := pprof.Lookup("mutex").WriteTo(&text, 1); err != nil {
		return 1
	}
	for line := range strings.Lines(text.String()) {
		var perSecond float64
		if n, _ := fmt.Sscanf(line, "cycles/second=%g", &perSecond); n == 1 && perSecond > 0 {
			return perSecond / 1e9
		}
	}
	return 1
}
