// Package load has the workloads of the benchmarks. Each runs over whatever
// carries it, streams of one geminio connection or TCP connections, so that
// both do the same work and only the carrier differs.
package load
