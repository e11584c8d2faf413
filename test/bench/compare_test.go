package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/test/bench/load"
)

// run benchmarks the load that open sets up, whose operations carry so many
// bytes.
func run(b *testing.B, bytes int, open func() (load.Load, error)) {
	b.Helper()
	l, err := open()
	require.NoError(b, err)
	defer l.Close()
	require.NoError(b, l.Run(200)) // windows have grown, pools are filled
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	b.ResetTimer()
	require.NoError(b, l.Run(b.N))
	b.StopTimer()
}

// carriers are what a load of bytes can run over, in the order of the output.
var carriers = []struct {
	name string
	open func(n int) (*load.Conns, error)
}{
	{"geminio", load.Streams},
	{"rawtcp", load.TCP},
}

// overEach runs a load on n streams, and on n TCP connections.
func overEach(b *testing.B, n, bytes int, build func(*load.Conns) load.Load) {
	for _, c := range carriers {
		b.Run(c.name, func(b *testing.B) {
			run(b, bytes, func() (load.Load, error) {
				conns, err := c.open(n)
				if err != nil {
					return nil, err
				}
				return build(conns), nil
			})
		})
	}
}

func BenchmarkStreamThroughput(b *testing.B) {
	for _, kib := range []int{128, 16, 1} {
		b.Run(fmt.Sprintf("%dK", kib), func(b *testing.B) {
			overEach(b, 1, kib<<10, func(c *load.Conns) load.Load {
				return load.NewPush(c, kib<<10, 128<<10)
			})
		})
	}
}

func BenchmarkParallelPush16K(b *testing.B) {
	overEach(b, 100, 16<<10, func(c *load.Conns) load.Load {
		return load.NewPush(c, 16<<10, 16<<10)
	})
}

func BenchmarkParallelEcho16K(b *testing.B) {
	overEach(b, 100, 16<<10, func(c *load.Conns) load.Load {
		return load.NewPingPong(c, 16<<10)
	})
}

func BenchmarkStreamOpenClose(b *testing.B) {
	b.Run("geminio", func(b *testing.B) {
		run(b, 0, func() (load.Load, error) { return load.NewOpenClose() })
	})
	b.Run("rawtcp", func(b *testing.B) {
		run(b, 0, func() (load.Load, error) { return load.NewOpenCloseTCP() })
	})
}

func BenchmarkCall(b *testing.B) {
	for _, c := range []struct {
		name                 string
		conns, callers, size int
	}{
		{"serial64B", 1, 1, 64},
		{"1x64", 1, 64, 64},
		{"8x10", 8, 10, 64},
		{"1K", 1, 1, 1 << 10},
		{"128K", 1, 1, 128 << 10},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.Run("geminio", func(b *testing.B) {
				run(b, c.size, func() (load.Load, error) { return load.NewCalls(c.conns, c.callers, c.size) })
			})
			b.Run("floor", func(b *testing.B) {
				run(b, c.size, func() (load.Load, error) { return load.NewFloorCalls(c.conns, c.callers, c.size) })
			})
			if c.callers > 1 {
				return // a TCP connection has no more than one
			}
			b.Run("rawtcp", func(b *testing.B) {
				run(b, c.size, func() (load.Load, error) {
					conns, err := load.TCP(1)
					if err != nil {
						return nil, err
					}
					return load.NewPingPong(conns, c.size), nil
				})
			})
		})
	}
}

func BenchmarkMessage(b *testing.B) {
	const size, window = 64, 256
	for _, m := range []struct {
		name  string
		ours  func() (*load.Messages, error)
		floor func() (*load.Messages, error)
	}{
		{
			"serial",
			func() (*load.Messages, error) { return load.NewMessages(1, size) },
			func() (*load.Messages, error) { return load.NewFloorMessages(1, 0, size) },
		},
		{
			"par64",
			func() (*load.Messages, error) { return load.NewMessages(64, size) },
			func() (*load.Messages, error) { return load.NewFloorMessages(64, 0, size) },
		},
		{
			"async",
			func() (*load.Messages, error) { return load.NewAsyncMessages(window, size) },
			func() (*load.Messages, error) { return load.NewFloorMessages(1, window, size) },
		},
	} {
		b.Run(m.name, func(b *testing.B) {
			b.Run("geminio", func(b *testing.B) {
				run(b, size, func() (load.Load, error) { return m.ours() })
			})
			b.Run("floor", func(b *testing.B) {
				run(b, size, func() (load.Load, error) { return m.floor() })
			})
		})
	}
}

func BenchmarkCallUnderBulk(b *testing.B) {
	for _, c := range []struct {
		name    string
		streams int
	}{{"1stream", 1}, {"16streams", 16}} {
		b.Run(c.name, func(b *testing.B) {
			u, err := load.NewUnderBulk(c.streams, 64)
			require.NoError(b, err)
			defer u.Close()
			b.ResetTimer()
			latency, rate, err := u.Both(func(made int) bool { return made < b.N })
			b.StopTimer()
			require.NoError(b, err)
			b.ReportMetric(micros(latency.P50), "p50-us")
			b.ReportMetric(micros(latency.P99), "p99-us")
			b.ReportMetric(rate/1e6, "bulk-MB/s")
		})
	}
}

func BenchmarkIdleMemory(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
		open func(n int) (func(), error)
	}{
		{"connection/geminio", 1000, load.OpenIdleEnds},
		{"connection/rawtcp", 1000, load.OpenIdleTCP},
		{"stream/geminio", 10000, load.OpenIdleStreams},
	} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				idle, err := load.MeasureIdle(c.n, c.open)
				require.NoError(b, err)
				b.ReportMetric(idle.Heap, "heap-B")
				b.ReportMetric(idle.Stack, "stack-B")
				b.ReportMetric(idle.Goroutines, "goroutines")
			}
		})
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
