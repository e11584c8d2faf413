//go:build !race

package bench

import (
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/test/bench/load"
)

// What is counted below is what both sides allocate, reader and flusher of the
// connection included.

func TestReadAndWriteDoNotAllocate(t *testing.T) {
	conns, err := load.Streams(1)
	require.NoError(t, err)
	defer conns.Close()
	for _, size := range []int{64, 1 << 10, 16 << 10, 128 << 10} {
		block, got := make([]byte, size), make([]byte, size)
		crossed := make(chan error, 1)
		turn := make(chan struct{})
		go func() {
			for range turn {
				_, err := io.ReadFull(conns.Far[0], got)
				crossed <- err
			}
		}()
		allocs := testing.AllocsPerRun(1000, func() {
			turn <- struct{}{}
			_, err := conns.Near[0].Write(block)
			if err == nil {
				err = <-crossed
			}
			if err != nil {
				t.Fatal(err)
			}
		})
		close(turn)
		assert.Zerof(t, allocs, "writes and reads of %d bytes", size)
	}
}

// TestCallsAndMessagesAllocateAtMost counts what one costs on both sides
// together. What the application gets is among it: the request, response or
// message of each side, and its content.
func TestCallsAndMessagesAllocateAtMost(t *testing.T) {
	for _, row := range []struct {
		what string
		size int
		open func(size int) (load.Load, error)
		most float64
	}{
		{"call", 64, calls, 3},
		{"call", 1 << 10, calls, 5},
		{"publish", 64, publishes, 2},
		{"publish", 1 << 10, publishes, 3},
		{"asynchronous publish", 64, asyncPublishes, 4},
		{"asynchronous publish", 1 << 10, asyncPublishes, 5},
	} {
		t.Run(fmt.Sprintf("%s of %d bytes", row.what, row.size), func(t *testing.T) {
			l, err := row.open(row.size)
			require.NoError(t, err)
			defer l.Close()
			require.NoError(t, l.Run(200)) // pools are filled
			const ops = 100
			allocs := testing.AllocsPerRun(20, func() {
				if err := l.Run(ops); err != nil {
					t.Fatal(err)
				}
			})
			assert.LessOrEqual(t, allocs/ops, row.most+0.2) // pools are filled again after a collection
		})
	}
}

func calls(size int) (load.Load, error)     { return load.NewCalls(1, 1, size) }
func publishes(size int) (load.Load, error) { return load.NewMessages(1, size) }
func asyncPublishes(size int) (load.Load, error) {
	return load.NewAsyncMessages(256, size)
}
