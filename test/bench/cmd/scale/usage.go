package main

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"
)

// usage is what a process uses, or what is used for each of many things.
type usage struct {
	Heap, Stack, RSS, Goroutines float64
}

// since returns what each of n things costs that were set up since before.
func (u usage) since(before usage, n int) usage {
	per := func(after, before float64) float64 { return (after - before) / float64(n) }
	return usage{
		Heap: per(u.Heap, before.Heap), Stack: per(u.Stack, before.Stack),
		RSS: per(u.RSS, before.RSS), Goroutines: per(u.Goroutines, before.Goroutines),
	}
}

// atRest collects garbage until nothing more becomes free, for at most 10 s,
// and returns what the process uses then.
func atRest() usage {
	var last usage
	for range 20 {
		runtime.GC()
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		now := usage{
			Heap: float64(m.HeapAlloc), Stack: float64(m.StackInuse), RSS: resident(),
			Goroutines: float64(runtime.NumGoroutine()),
		}
		if last.Heap != 0 && now.Goroutines == last.Goroutines && now.Heap > 0.998*last.Heap && now.Stack > 0.998*last.Stack {
			return now
		}
		last = now
		<-time.After(500 * time.Millisecond)
	}
	return last
}

// resident returns the bytes of memory that the system has given the process,
// 0 where it does not tell.
func resident() float64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(string(fields[1]))
	return float64(pages * os.Getpagesize())
}
