package report

import (
	"maps"
	"slices"
	"strings"
)

// workload is one that has a table of its own.
type workload struct {
	name  string
	about string // what an operation is
	rate  metric
	limit string // the peer that says what the machine has to give
}

// workloads is the order of the page.
var workloads = slices.Concat(
	[]workload{
		{"StreamThroughput/128K", "one stream, a write of 128 KiB", megabytes, "tcp"},
		{"StreamThroughput/16K", "one stream, a write of 16 KiB", megabytes, "tcp"},
		{"StreamThroughput/1K", "one stream, a write of 1 KiB", megabytes, "tcp"},
		{"ParallelPush", "100 streams of one connection, a write of 16 KiB", megabytes, "tcp"},
		{"ParallelEcho", "100 streams of one connection, a write of 16 KiB and its echo", megabytes, "tcp"},
		{"StreamOpenClose", "open a stream, one byte there and back, close both sides", streams, "tcp"},
	},
	sized("RPC", "a call that is answered with its payload", calls, map[string]string{
		"serial": "one caller",
		"8x10":   "8 connections with 10 callers each",
		"1x64":   "one connection with 64 callers",
	}, "serial", "8x10", "1x64"),
	sized("Message", "a message that the receiver acknowledges", messages, map[string]string{
		"serial": "one publisher that waits for each",
		"par64":  "64 publishers that wait for each",
		"async":  "one publisher, up to 256 unacknowledged",
	}, "serial", "par64", "async"),
)

func sized(name, about string, rate metric, who map[string]string, order ...string) []workload {
	var all []workload
	for _, size := range []struct{ short, long string }{{"64B", "64 bytes"}, {"1K", "1 KiB"}, {"128K", "128 KiB"}} {
		r := rate
		if size.short == "128K" {
			r = megabytes
		}
		for _, o := range order {
			all = append(all, workload{name + "/" + size.short + "/" + o, about + ", " + size.long + ": " + who[o], r, "floor"})
		}
	}
	return all
}

// group returns the workloads whose first part is one of names.
func group(names ...string) []workload {
	return slices.DeleteFunc(slices.Clone(workloads), func(w workload) bool {
		first, _, _ := strings.Cut(w.name, "/")
		return !slices.Contains(names, first)
	})
}

// headline is a row of the first table.
type headline struct {
	name, workload string
	metric         metric
	limit          string
}

var headlines = []headline{
	{"stream, 128 KiB writes", "StreamThroughput/128K", megabytes, "tcp"},
	{"stream, 1 KiB writes", "StreamThroughput/1K", megabytes, "tcp"},
	{"100 streams push 16 KiB", "ParallelPush", megabytes, "tcp"},
	{"100 streams echo 16 KiB", "ParallelEcho", megabytes, "tcp"},
	{"stream open, 1 byte echo, close", "StreamOpenClose", micros, "tcp"},
	{"call 64 B, one caller", "RPC/64B/serial", micros, "floor"},
	{"call 64 B, 8 connections x 10 callers", "RPC/64B/8x10", calls, "floor"},
	{"call 64 B, 64 callers", "RPC/64B/1x64", calls, "floor"},
	{"call 1 KiB, one caller", "RPC/1K/serial", micros, "floor"},
	{"call 1 KiB, 64 callers", "RPC/1K/1x64", calls, "floor"},
	{"call 128 KiB, one caller", "RPC/128K/serial", megabytes, "floor"},
	{"call 128 KiB, 64 callers", "RPC/128K/1x64", megabytes, "floor"},
	{"message 64 B, one publisher", "Message/64B/serial", micros, "floor"},
	{"message 64 B, 64 publishers", "Message/64B/par64", messages, "floor"},
	{"message 64 B, 256 unacknowledged", "Message/64B/async", messages, "floor"},
	{"message 128 KiB, one publisher", "Message/128K/serial", megabytes, "floor"},
	{"call beside a bulk stream, p50", "RPCUnderBulk/bulk1", p50, ""},
	{"call beside a bulk stream, p99", "RPCUnderBulk/bulk1", p99, ""},
	{"call beside 16 bulk streams, p50", "RPCUnderBulk/bulk16", p50, ""},
	{"call beside 16 bulk streams, p99", "RPCUnderBulk/bulk16", p99, ""},
	{"idle connection, both sides", "mem-conn", kilobytes, "tcp"},
	{"idle stream, both sides", "mem-stream", kilobytes, ""},
}

// syscallNames are the columns that system calls are counted in; the rest are others.
var syscallNames = map[string]string{
	"write": "write", "writev": "write", "pwrite64": "write", "sendto": "write", "sendmsg": "write",
	"read": "read", "readv": "read", "pread64": "read", "recvfrom": "read", "recvmsg": "read",
	"futex":      "futex",
	"epoll_wait": "epoll", "epoll_pwait": "epoll", "epoll_pwait2": "epoll", "epoll_ctl": "epoll",
}

// published are the figures in the original's README, in MB/s.
var published = []struct{ name, value string }{
	{"Message", "1,164"}, {"End", "1,329"}, {"Stream", "1,351"}, {"RPC", "792"},
}

// publishedBytes is what each of these counts for an operation, carried or not.
const publishedBytes = 128 << 10

// sortedKeys are the keys of m in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
