package report

// chart is one SVG file.
type chart struct {
	name    string // in the name of the file
	title   string
	alt     string
	columns int
	panels  []panel
}

// panel compares one figure of one workload.
type panel struct {
	title    string
	workload string
	metric   metric
}

func (c chart) file() string { return "performance-" + c.name + ".svg" }

var charts = []chart{
	{"streams", "Streams", "Bar charts: throughput of streams by library", 2, []panel{
		{"One stream, 128 KiB writes", "StreamThroughput/128K", megabytes},
		{"One stream, 1 KiB writes", "StreamThroughput/1K", megabytes},
		{"100 streams push 16 KiB", "ParallelPush", megabytes},
		{"100 streams echo 16 KiB", "ParallelEcho", megabytes},
	}},
	{"open-close", "Opening and closing a stream", "Bar chart: time to open and close a stream by library", 1, []panel{
		{"Open, one byte there and back, close", "StreamOpenClose", micros},
	}},
	{"calls", "Calls", "Bar charts: calls per second by library", 2, []panel{
		{"64 B, one connection, 64 callers", "RPC/64B/1x64", calls},
		{"64 B, 8 connections x 10 callers", "RPC/64B/8x10", calls},
		{"64 B, one caller", "RPC/64B/serial", calls},
		{"1 KiB, one connection, 64 callers", "RPC/1K/1x64", calls},
	}},
	{"beside-bulk", "A call beside bulk streams on the same connection", "Bar charts: latency of a call beside bulk streams by library", 2, []panel{
		{"One bulk stream, p50", "RPCUnderBulk/bulk1", p50},
		{"One bulk stream, p99", "RPCUnderBulk/bulk1", p99},
		{"16 bulk streams, p50", "RPCUnderBulk/bulk16", p50},
		{"16 bulk streams, p99", "RPCUnderBulk/bulk16", p99},
	}},
	{"messages", "Acknowledged messages", "Bar charts: messages per second by library", 2, []panel{
		{"64 B, 256 unacknowledged", "Message/64B/async", messages},
		{"64 B, 64 publishers", "Message/64B/par64", messages},
		{"64 B, one publisher", "Message/64B/serial", messages},
		{"1 KiB, 256 unacknowledged", "Message/1K/async", messages},
	}},
	{"memory", "Memory when idle, both sides", "Bar charts: memory of an idle connection and stream by library", 2, []panel{
		{"A connection", "mem-conn", kilobytes},
		{"A stream", "mem-stream", kilobytes},
	}},
}
