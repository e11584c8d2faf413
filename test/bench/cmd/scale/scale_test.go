package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// TestMain is the child, where it was started as one.
func TestMain(m *testing.M) {
	if o := orderOfParent(); o != nil {
		if err := o.obey(); err != nil {
			fmt.Fprintln(os.Stderr, "scale:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func TestOneMoreCostsTheSameHoweverManyThereAre(t *testing.T) {
	for _, c := range []struct {
		of         string
		few, many  int
		goroutines float64 // each, on each side
	}{
		{"connections", 100, 500, 1},
		{"streams", 1000, 5000, 0},
	} {
		t.Run(c.of, func(t *testing.T) {
			if c.of == "connections" && descriptors() < c.many+warm+spare {
				t.Skip("the limit of descriptors is too low")
			}
			few, err := measureIdle(c.of, c.few)
			require.NoError(t, err)
			many, err := measureIdle(c.of, c.many)
			require.NoError(t, err)
			for _, side := range []struct {
				name      string
				few, many usage
			}{{"client", few.client, many.client}, {"server", few.server, many.server}} {
				const noise = 256 // bytes: what the process itself uses is shared by more, and only helps
				assert.LessOrEqual(t, side.many.Heap, 1.1*side.few.Heap+noise, "heap of the %s", side.name)
				assert.LessOrEqual(t, side.many.Stack, 1.1*side.few.Stack+noise, "stacks of the %s", side.name)
				assert.InDelta(t, c.goroutines, side.many.Goroutines, 0.05, "goroutines of the %s", side.name)
			}
		})
	}
}

func TestWhatCannotBeMeasuredIsRefused(t *testing.T) {
	assert.ErrorContains(t, run(io.Discard, "10,x", false, false, time.Second), `"x" is no number`)
	assert.ErrorContains(t, run(io.Discard, "0", false, false, time.Second), `"0" is no number`)
	assert.ErrorContains(t, run(io.Discard, "10", true, false, 0), "no time to measure")
	assert.ErrorContains(t, (&order{Do: "dance"}).obey(), "unknown order")
}

func TestEveryWorkloadIsMeasuredOnEachNumberOfCores(t *testing.T) {
	var seen []int
	require.NoError(t, measureCores(1, 10*time.Millisecond, func(w int, rate float64) {
		seen = append(seen, w)
		assert.Positive(t, rate)
	}))
	assert.Equal(t, []int{0, 1, 2}, seen)
}

// hold holds a lock while another goroutine, most likely, comes to wait for it.
func hold() {
	var (
		mu   sync.Mutex
		done sync.WaitGroup
	)
	mu.Lock()
	comes := make(chan struct{})
	done.Add(1)
	go func() {
		defer done.Done()
		close(comes)
		mu.Lock()
		defer mu.Unlock()
	}()
	<-comes
	for range 1000 {
		runtime.Gosched()
	}
	mu.Unlock()
	done.Wait()
}

func TestWaitsForLocksAreFoundWithTheirPlaces(t *testing.T) {
	runtime.SetMutexProfileFraction(1)
	runtime.SetBlockProfileRate(1)
	defer runtime.SetMutexProfileFraction(0)
	defer runtime.SetBlockProfileRate(0)
	heldBefore, waitedBefore := contentions(runtime.MutexProfile), contentions(runtime.BlockProfile)
	places := func(all []contention) (s string) {
		for _, c := range all {
			s += c.place + "\n"
			assert.Positive(t, c.wait)
		}
		return s
	}
	var held, waited string
	for range 100 {
		hold()
		held = places(since(heldBefore, contentions(runtime.MutexProfile)))
		waited = places(since(waitedBefore, contentions(runtime.BlockProfile)))
		if strings.Contains(waited, "scale.hold.func1:") && held != "" {
			break
		}
	}
	assert.Contains(t, held, "scale.hold:")
	assert.Contains(t, waited, "scale.hold.func1:")
	assert.NotContains(t, waited, "scale.hold:", "a wait for a channel is none for a lock")
}

func TestFewerConnectionsAreMeasuredWhereDescriptorsAreFew(t *testing.T) {
	var out strings.Builder
	most := descriptors() - spare - warm
	assert.Equal(t, most, affordable(&out, most))
	assert.Empty(t, out.String())
	assert.Equal(t, most, affordable(&out, most+1))
	assert.Contains(t, out.String(), "instead of")
}
