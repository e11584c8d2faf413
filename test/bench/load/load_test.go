package load

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// carriers of byte loads.
var carriers = map[string]func(n int) (*Conns, error){"geminio": Streams, "rawtcp": TCP}

func TestShareRunsEachOperationOnce(t *testing.T) {
	for _, workers := range []int{1, 3, 64} {
		var ran atomic.Int64
		require.NoError(t, share(1000, workers, func(int) error { ran.Add(1); return nil }))
		assert.EqualValues(t, 1000, ran.Load())
	}
}

func TestShareStopsAtTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	for _, workers := range []int{1, 8} {
		var ran atomic.Int64
		err := share(1e9, workers, func(int) error {
			if ran.Add(1) == 100 {
				return broken
			}
			return nil
		})
		assert.Equal(t, broken, err)
	}
}

func TestPushReturnsWhenTheFarSideHasReadAll(t *testing.T) {
	for name, open := range carriers {
		t.Run(name, func(t *testing.T) {
			conns, err := open(10)
			require.NoError(t, err)
			p := NewPush(conns, 16<<10, 4<<10)
			defer p.Close()
			for range 3 {
				before := p.sink.total.Load()
				require.NoError(t, p.Run(100))
				assert.EqualValues(t, 100*16<<10, p.sink.total.Load()-before)
			}
		})
	}
}

func TestPushFailsWithItsConnection(t *testing.T) {
	conns, err := TCP(1)
	require.NoError(t, err)
	p := NewPush(conns, 16<<10, 4<<10)
	defer p.Close()
	require.NoError(t, conns.Far[0].Close())
	assert.Error(t, p.Run(1))
}

func TestLoadsRunAndEnd(t *testing.T) {
	loads := map[string]func() (Load, error){
		"echo/geminio":   func() (Load, error) { return echoOver(Streams(10)) },
		"echo/rawtcp":    func() (Load, error) { return echoOver(TCP(10)) },
		"call":           func() (Load, error) { return NewCalls(2, 5, 64) },
		"call/floor":     func() (Load, error) { return NewFloorCalls(2, 5, 64) },
		"call/large":     func() (Load, error) { return NewCalls(1, 1, 128<<10) },
		"message":        func() (Load, error) { return NewMessages(8, 64) },
		"message/async":  func() (Load, error) { return NewAsyncMessages(256, 64) },
		"message/floor":  func() (Load, error) { return NewFloorMessages(8, 0, 64) },
		"message/floor2": func() (Load, error) { return NewFloorMessages(1, 256, 64) },
		"open":           func() (Load, error) { return NewOpenClose() },
		"open/rawtcp":    func() (Load, error) { return NewOpenCloseTCP() },
	}
	for name, open := range loads {
		t.Run(name, func(t *testing.T) {
			l, err := open()
			require.NoError(t, err)
			defer l.Close()
			require.NoError(t, l.Run(1))
			require.NoError(t, l.Run(500))
		})
	}
}

func echoOver(c *Conns, err error) (Load, error) {
	if err != nil {
		return nil, err
	}
	return NewPingPong(c, 16<<10), nil
}

func TestUnderBulkMeasuresBothTogether(t *testing.T) {
	u, err := NewUnderBulk(2, 64)
	require.NoError(t, err)
	defer u.Close()

	hundred := func(made int) bool { return made < 100 }
	alone, err := u.Calls(hundred)
	require.NoError(t, err)
	assert.Positive(t, alone.P50)
	assert.GreaterOrEqual(t, alone.P99, alone.P50)

	rate, err := u.Bulk(20 * time.Millisecond)
	require.NoError(t, err)
	assert.Positive(t, rate)

	beside, rate, err := u.Both(hundred)
	require.NoError(t, err)
	assert.Positive(t, beside.P50)
	assert.Positive(t, rate)
}

func TestPercentilesAreThoseOfTheSortedSample(t *testing.T) {
	var took []time.Duration
	for i := 1000; i > 0; i-- {
		took = append(took, time.Duration(i))
	}
	assert.Equal(t, Latency{P50: 501, P99: 991}, percentiles(took))
	assert.Equal(t, Latency{}, percentiles(nil))
}

func TestIdleConnectionsAreCountedPerConnection(t *testing.T) {
	idle, err := MeasureIdle(20, OpenIdleTCP)
	require.NoError(t, err)
	assert.InDelta(t, 0, idle.Goroutines, 0.1, "a raw connection has no goroutine")
}
