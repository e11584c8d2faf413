//go:build !race

package bench

import (
	"context"
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

func TestACallAllocatesAtMostSixTimes(t *testing.T) {
	ends, err := load.Connect()
	require.NoError(t, err)
	defer ends.Close()
	require.NoError(t, load.ServeEcho(ends.Far))
	call, payload := load.EndCaller(ends.Near), make([]byte, 64)
	allocs := testing.AllocsPerRun(1000, func() {
		if err := call(payload); err != nil {
			t.Fatal(err)
		}
	})
	assert.LessOrEqual(t, allocs, 6.0)
}

func TestAPublishAllocatesAtMostSixTimes(t *testing.T) {
	ends, err := load.Connect()
	require.NoError(t, err)
	defer ends.Close()
	ctx, payload := context.Background(), make([]byte, 64)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			msg, err := ends.Far.Receive(ctx)
			if err != nil || msg.Done() != nil {
				return
			}
		}
	}()
	allocs := testing.AllocsPerRun(1000, func() {
		if err := ends.Near.Publish(ctx, ends.Near.NewMessage(payload)); err != nil {
			t.Fatal(err)
		}
	})
	assert.LessOrEqual(t, allocs, 6.0)
	ends.Close()
	<-ended
}
