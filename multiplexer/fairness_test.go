//go:build !race

package multiplexer

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// shares has one writer for each of sizes write at once, and returns what
// each got of the connection, in percent.
func shares(t *testing.T, sizes ...int) []float64 {
	client, server := tcp(t)
	const total = 256 << 20
	var all atomic.Int64
	var group sync.WaitGroup
	got := make([]float64, len(sizes))
	for i, size := range sizes {
		w, r := open(t, client, server)
		group.Add(2)
		go func() {
			defer group.Done()
			p := make([]byte, size)
			for all.Load() < total {
				if _, err := w.Write(p); err != nil {
					t.Error(err)
				}
			}
			_ = w.CloseWrite()
		}()
		go func() {
			defer group.Done()
			p := make([]byte, 256<<10)
			for {
				n, err := r.Read(p)
				if all.Add(int64(n)) <= total { // behind that they no longer share
					got[i] += 100 * float64(n) / total
				}
				if err != nil {
					return
				}
			}
		}()
	}
	group.Wait()
	return got
}

func TestASmallWriterIsNotStarvedByALargeOne(t *testing.T) {
	var runs []float64
	for range 5 {
		got := shares(t, 4<<10, 128<<10)
		t.Logf("4 KiB writes: %.1f %%, 128 KiB writes: %.1f %%", got[0], got[1])
		runs = append(runs, got[0])
	}
	slices.Sort(runs)
	require.InDelta(t, 50, runs[2], 35)
}
