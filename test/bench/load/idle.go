package load

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"time"
)

// Idle is what one idle connection or stream costs, both sides together.
type Idle struct {
	Heap, Stack, Goroutines float64
}

// MeasureIdle sets up n things with open, which returns what closes them, and
// returns what each costs once they have come to rest.
func MeasureIdle(n int, open func(n int) (closeAll func(), err error)) (Idle, error) {
	before := atRest()
	closeAll, err := open(n)
	if err != nil {
		return Idle{}, err
	}
	after := atRest()
	closeAll()
	per := func(a, b float64) float64 { return (b - a) / float64(n) }
	return Idle{
		Heap:       per(before.Heap, after.Heap),
		Stack:      per(before.Stack, after.Stack),
		Goroutines: per(before.Goroutines, after.Goroutines),
	}, nil
}

// atRest collects garbage until nothing more becomes free, for at most 5 s,
// and returns what the process then uses: goroutines that were about to end
// have ended, pools are empty, and what is kept for a while has been given
// back.
func atRest() Idle {
	var last Idle
	for range 10 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		now := Idle{Heap: float64(m.HeapAlloc), Stack: float64(m.StackInuse), Goroutines: float64(runtime.NumGoroutine())}
		if last.Heap != 0 && now.Goroutines == last.Goroutines && now.Heap > 0.998*last.Heap {
			return now
		}
		last = now
		<-time.After(500 * time.Millisecond)
	}
	return last
}

// OpenIdleEnds connects n geminio connections, each of which has carried a
// call.
func OpenIdleEnds(n int) (closeAll func(), err error) {
	all, err := ConnectMany(n)
	if err != nil {
		return nil, err
	}
	closeAll = func() {
		for _, e := range all {
			e.Close()
		}
	}
	for _, e := range all {
		err := ServeEcho(e.Far)
		if err == nil {
			err = EndCaller(e.Near)(pattern(64))
		}
		if err != nil {
			closeAll()
			return nil, err
		}
	}
	return closeAll, nil
}

// OpenIdleStreams opens n streams of one geminio connection, each of which has
// carried bytes both ways.
func OpenIdleStreams(n int) (closeAll func(), err error) {
	return openIdle(Streams(n))
}

// OpenIdleTCP opens n TCP connections, each of which has carried bytes both
// ways.
func OpenIdleTCP(n int) (closeAll func(), err error) {
	return openIdle(TCP(n))
}

func openIdle(c *Conns, err error) (closeAll func(), _ error) {
	if err != nil {
		return nil, err
	}
	for i := range c.Near {
		if err := errors.Join(cross(c.Near[i], c.Far[i]), cross(c.Far[i], c.Near[i])); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c.Close, nil
}

// cross writes to one and reads from the other.
func cross(from, to net.Conn) error {
	p, got := pattern(64), make([]byte, 64)
	if _, err := from.Write(p); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if _, err := io.ReadFull(to, got); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return nil
}
