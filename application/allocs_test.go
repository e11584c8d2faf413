//go:build !race

package application

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/options"
)

// allocs returns how many allocations one f costs, on all goroutines.
func allocs(t *testing.T, f func()) float64 {
	const warm, runs = 2000, 5000
	for range warm {
		f()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / runs
}

func TestCallAllocatesThreeTimesOnEitherSide(t *testing.T) {
	a, b := tcp(t)
	client, server := pair(t, a, b, options.Limits{})
	defer server.Close()
	defer client.Close()
	require.NoError(t, server.Register(background, "echo", echo))
	data := make([]byte, 64)
	n := allocs(t, func() {
		_, err := client.Call(background, "echo", client.NewRequest(data))
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%.2f allocations on both sides", n)
	// Two flushers start for each serial call: a goroutine is reused.
	assert.Less(t, n, 6.6)
}

func TestPublishAllocatesThreeTimesOnEitherSide(t *testing.T) {
	for name, cnss := range map[string]options.Cnss{"at most once": options.CnssAtMostOnce, "at least once": options.CnssAtLeastOnce} {
		a, b := tcp(t)
		client, server := pair(t, a, b, options.Limits{})
		data := make([]byte, 64)
		received := make(chan struct{}, 1)
		go func() {
			for {
				m, err := server.Receive(background)
				if err != nil {
					return
				}
				if err := m.Done(); err != nil {
					t.Error(err)
				}
				received <- struct{}{}
			}
		}()
		n := allocs(t, func() {
			msg := client.NewMessage(data).(*message)
			msg.cnss, msg.topic = cnss, "topic"
			if err := client.Publish(background, msg); err != nil {
				t.Fatal(err)
			}
			<-received
		})
		t.Logf("%s: %.2f allocations on both sides", name, n)
		assert.Less(t, n, 6.6)
		client.Close()
		server.Close()
	}
}
