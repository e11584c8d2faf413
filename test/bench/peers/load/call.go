package load

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// calls has so many callers on each connection, each of which calls again as
// soon as it has its answer. An operation is one call.
type calls struct {
	conns   []peer.Caller
	callers int // on each
	payload []byte
}

func newCalls(open func() (peer.Caller, error), conns, callers, size int) (load, error) {
	c := &calls{callers: callers, payload: pattern(size)}
	for range conns {
		conn, err := open()
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

func (c *calls) run(stop *atomic.Bool) (int64, error) {
	return workers(len(c.conns)*c.callers, stop, func(w int) error {
		return call(c.conns[w%len(c.conns)], c.payload)
	})
}

func (c *calls) bytes() int { return len(c.payload) }

func (c *calls) close() error {
	var errs []error
	for _, conn := range c.conns {
		errs = append(errs, conn.Close())
	}
	return errors.Join(errs...)
}

func call(c peer.Caller, payload []byte) error {
	answer, err := c.Call(payload)
	if err == nil && len(answer) != len(payload) {
		err = fmt.Errorf("%d bytes came back for %d", len(answer), len(payload))
	}
	return err
}
