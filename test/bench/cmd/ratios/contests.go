package main

import (
	"time"

	"github.com/singchia/geminio/test/bench/load"
)

// unit turns the time of an operation into what is shown and compared.
type unit struct {
	name string
	of   func(perOp time.Duration) float64
}

// perSecond is the rate of operations, in thousands.
var perSecond = unit{"k/s", func(d time.Duration) float64 { return 1e6 / float64(d) }}

// perOp is the time of one operation.
var perOp = unit{"us", micros}

// megabytes is the rate of bytes, where an operation carries so many.
func megabytes(bytes int) unit {
	return unit{"MB/s", func(d time.Duration) float64 { return float64(bytes) * 1e3 / float64(d) }}
}

const (
	kib  = 1 << 10
	many = 100 // streams, or connections
)

// contests are what this library promises about its speed.
func contests() []contest {
	push := func(open func(int) (*load.Conns, error), n, size, buf int) func() (load.Load, error) {
		return func() (load.Load, error) {
			conns, err := open(n)
			if err != nil {
				return nil, err
			}
			return load.NewPush(conns, size, buf), nil
		}
	}
	pingPong := func(open func(int) (*load.Conns, error), n, size int) func() (load.Load, error) {
		return func() (load.Load, error) {
			conns, err := open(n)
			if err != nil {
				return nil, err
			}
			return load.NewPingPong(conns, size), nil
		}
	}
	calls := func(callers int) func() (load.Load, error) {
		return func() (load.Load, error) { return load.NewCalls(1, callers, 64) }
	}
	floor := func(callers int) func() (load.Load, error) {
		return func() (load.Load, error) { return load.NewFloorCalls(1, callers, 64) }
	}
	return []contest{
		between("stream 128K / raw", megabytes(128*kib), atLeast(0.95),
			push(load.Streams, 1, 128*kib, 128*kib), push(load.TCP, 1, 128*kib, 128*kib)),
		between("stream 1K / raw", megabytes(kib), atLeast(8),
			push(load.Streams, 1, kib, 128*kib), push(load.TCP, 1, kib, 128*kib)),
		between("push 100x16K / raw", megabytes(16*kib), atLeast(1),
			push(load.Streams, many, 16*kib, 16*kib), push(load.TCP, many, 16*kib, 16*kib)),
		between("echo 100x16K / raw", megabytes(16*kib), atLeast(1),
			pingPong(load.Streams, many, 16*kib), pingPong(load.TCP, many, 16*kib)),
		between("call serial / raw ping-pong", perOp, mark{},
			calls(1), pingPong(load.TCP, 1, 64)),
		between("call serial / floor", perOp, atMost(1.05), calls(1), floor(1)),
		between("call 64 callers / raw ping-pong", perSecond, mark{},
			calls(64), pingPong(load.TCP, 1, 64)),
		between("call 64 callers / floor", perOp, atMost(1.2), calls(64), floor(64)),
		besideBulk("call beside 1 bulk stream", 1),
		besideBulk("call beside 16 bulk streams", 16),
	}
}
