// Package bench compares geminio with raw TCP, and with the least that a call
// can be, in one process over loopback: the benchmarks are those of one
// machine and one moment, their ratios say more than their figures.
//
//	go test -bench . ./test/bench
//	go run ./test/bench/cmd/ratios
//	go run ./test/bench/cmd/scale
//	go run ./test/bench/cmd/compare
package bench
