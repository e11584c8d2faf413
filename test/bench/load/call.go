package load

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/test/bench/floor"
)

// Caller sends p and waits until as many bytes have come back.
type Caller func(p []byte) error

// Calls has callers that send a payload and wait for its echo, over and over,
// all at once. An operation is one echo.
type Calls struct {
	callers []Caller
	payload []byte
	close   func()
}

// Run makes n calls.
func (c *Calls) Run(n int) error {
	return share(n, len(c.callers), func(w int) error { return c.callers[w](c.payload) })
}

// Close closes what the calls go over.
func (c *Calls) Close() { c.close() }

// Sample makes calls one after another while more says so, and returns how
// long each took.
func (c *Calls) Sample(more func(made int) bool) ([]time.Duration, error) {
	var took []time.Duration
	for more(len(took)) {
		begin := time.Now()
		if err := c.callers[0](c.payload); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin))
	}
	return took, nil
}

// echoMethod is what the far side registers.
const echoMethod = "echo"

// NewCalls has each connection's near side call its far side, with so many
// callers each.
func NewCalls(conns, callers, size int) (*Calls, error) {
	all, err := ConnectMany(conns)
	if err != nil {
		return nil, err
	}
	c := &Calls{payload: pattern(size), close: func() {
		for _, e := range all {
			e.Close()
		}
	}}
	for _, e := range all {
		if err := ServeEcho(e.Far); err != nil {
			c.Close()
			return nil, err
		}
		for range callers {
			c.callers = append(c.callers, EndCaller(e.Near))
		}
	}
	return c, nil
}

// ServeEcho registers the method that EndCaller calls.
func ServeEcho(end geminio.End) error {
	return end.Register(context.Background(), echoMethod, func(_ context.Context, req geminio.Request, rsp geminio.Response) {
		rsp.SetData(req.Data())
	})
}

// EndCaller calls the echo that the peer of end serves.
func EndCaller(end geminio.End) Caller {
	ctx := context.Background()
	return func(p []byte) error {
		rsp, err := end.Call(ctx, echoMethod, end.NewRequest(p))
		if err != nil {
			return err
		}
		return whole(p, len(rsp.Data()))
	}
}

// NewFloorCalls is NewCalls over the least that a call can be.
func NewFloorCalls(conns, callers, size int) (*Calls, error) {
	raw, err := TCP(conns)
	if err != nil {
		return nil, err
	}
	var sides []*floor.Conn
	c := &Calls{payload: pattern(size), close: func() {
		for _, s := range sides {
			s.Close()
		}
	}}
	for i := range conns {
		far := floor.New(raw.Far[i], func(p []byte) []byte { return p }, 0)
		near := floor.New(raw.Near[i], nil, 0)
		sides = append(sides, near, far)
		call := func(p []byte) error {
			answer, err := near.Call(p)
			if err != nil {
				return err
			}
			return whole(p, len(answer))
		}
		for range callers {
			c.callers = append(c.callers, call)
		}
	}
	return c, nil
}

// NewPingPong takes c over and has one goroutine on each side of each
// connection: the near one writes and reads back, the far one reads and writes
// back, nothing else.
func NewPingPong(c *Conns, size int) *Calls {
	var wg sync.WaitGroup
	serveAll(&wg, c.Far, func(nc net.Conn) {
		p := make([]byte, size)
		for {
			if _, err := io.ReadFull(nc, p); err != nil {
				return
			}
			if _, err := nc.Write(p); err != nil {
				return
			}
		}
	})
	calls := &Calls{payload: pattern(size), close: func() { c.Close(); wg.Wait() }}
	for _, nc := range c.Near {
		answer := make([]byte, size)
		calls.callers = append(calls.callers, func(p []byte) error {
			if _, err := nc.Write(p); err != nil {
				return err
			}
			_, err := io.ReadFull(nc, answer)
			return err
		})
	}
	return calls
}

func whole(p []byte, n int) error {
	if n != len(p) {
		return fmt.Errorf("%d bytes came back for %d", n, len(p))
	}
	return nil
}
