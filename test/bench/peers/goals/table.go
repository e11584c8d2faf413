package goals

import (
	"math"

	"github.com/singchia/geminio/test/bench/peers/results"
)

// Metric is a figure of a sample.
type Metric struct {
	Name string
	Of   func(results.Sample) float64

	// More says that more of it is better.
	More bool
}

var (
	perOp = Metric{Name: "us/op", Of: func(s results.Sample) float64 { return s.Seconds / float64(s.Ops) * 1e6 }}
	rate  = Metric{Name: "MB/s", Of: func(s results.Sample) float64 { return float64(s.Bytes) / s.Seconds / 1e6 }, More: true}
	calls = Metric{Name: "calls/s", Of: func(s results.Sample) float64 { return float64(s.Ops) / s.Seconds }, More: true}
	p50   = extra("p50us", "us", false)
	p99   = extra("p99us", "us", false)
	bulk  = extra("bulkMBs", "MB/s", true)

	memory = Metric{Name: "B", Of: func(s results.Sample) float64 { return s.Extra["heap"] + s.Extra["stack"] }}

	// goroutines is in tenths: one that all share is nobody's.
	goroutines = Metric{Name: "goroutines", Of: func(s results.Sample) float64 { return math.Round(s.Extra["goroutines"]*10) / 10 }}
)

func extra(key, unit string, more bool) Metric {
	return Metric{Name: unit, Of: func(s results.Sample) float64 { return s.Extra[key] }, More: more}
}

// Side is one of the two things that a goal compares.
type Side struct {
	Peer, Workload string
	Metric         Metric
}

// Goal wants the figure of ours to be at most Limit times the figure of the
// reference, or at least so where more is better. Of several references the
// best counts. Without any, Limit is the figure itself.
type Goal struct {
	Ours  Side
	Refs  []Side
	Limit float64
	CPU   int // GOMAXPROCS; 0 is all there is
}

const ours = "geminio"

// against is a goal for one workload beside the same workload of other peers.
func against(workload string, m Metric, limit float64, peers ...string) Goal {
	g := Goal{Ours: Side{ours, workload, m}, Limit: limit}
	for _, p := range peers {
		g.Refs = append(g.Refs, Side{p, workload, m})
	}
	return g
}

// itself is a goal for one workload beside another one of ours.
func itself(workload string, m Metric, limit float64, refWorkload string, ref Metric) Goal {
	return Goal{Ours: Side{ours, workload, m}, Refs: []Side{{ours, refWorkload, ref}}, Limit: limit}
}

// absolute is a goal for a figure alone.
func absolute(workload string, m Metric, limit float64) Goal {
	return Goal{Ours: Side{ours, workload, m}, Limit: limit}
}

// oneCPU is g with GOMAXPROCS=1.
func oneCPU(g Goal) Goal {
	g.CPU = 1
	return g
}

// Table has all goals.
var Table = []Goal{
	against("StreamThroughput/128K", rate, 0.95, "tcp"),
	against("StreamThroughput/1K", rate, 8, "tcp"),
	against("StreamThroughput/1K", rate, 3, "grpc"),
	against("ParallelPush", rate, 1, "tcp"),
	against("ParallelEcho", rate, 1, "tcp"),
	against("StreamOpenClose", perOp, 0.6, "grpc", "drpc", "go-yamux"),

	against("RPC/64B/serial", perOp, 1.05, "floor"),
	against("RPC/64B/serial", calls, 1, "arpc"),
	oneCPU(against("RPC/64B/serial", perOp, 1.12, "floor")),
	against("RPC/1K/serial", perOp, 1.05, "floor"),
	against("RPC/1K/serial", calls, 1, "arpc"),
	oneCPU(against("RPC/1K/serial", perOp, 1.12, "floor")),
	against("RPC/64B/8x10", perOp, 1.2, "floor"),
	against("RPC/64B/8x10", calls, 2.5, "arpc"),
	against("RPC/64B/1x64", perOp, 1.2, "floor"),
	against("RPC/64B/1x64", calls, 4, "arpc"),
	against("RPC/128K/serial", perOp, 1.15, "floor"),
	against("RPC/128K/1x64", perOp, 1.15, "floor"),

	against("Message/64B/serial", perOp, 1.1, "floor"),
	against("Message/64B/par64", perOp, 1.3, "floor"),
	against("Message/64B/async", perOp, 1.5, "floor"),
	against("Message/128K/serial", perOp, 1.15, "floor"),

	itself("RPCUnderBulk/bulk1", p50, 4, "RPCUnderBulk/idle", p50),
	itself("RPCUnderBulk/bulk1", p99, 12, "RPCUnderBulk/idle", p50),
	itself("RPCUnderBulk/bulk1", bulk, 0.75, "RPCUnderBulk/bulk-alone1", bulk),
	itself("RPCUnderBulk/bulk16", p50, 4, "RPCUnderBulk/idle", p50),
	itself("RPCUnderBulk/bulk16", p99, 12, "RPCUnderBulk/idle", p50),
	itself("RPCUnderBulk/bulk16", bulk, 0.75, "RPCUnderBulk/bulk-alone16", bulk),

	absolute("mem-conn", memory, 14_000),
	absolute("mem-conn", goroutines, 2),
	absolute("mem-stream", memory, 1_000),
	absolute("mem-stream", goroutines, 0),
}
