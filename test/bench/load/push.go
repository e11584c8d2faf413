package load

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// sink drains connections and knows how much has come.
type sink struct {
	total   atomic.Int64  // bytes read so far
	target  atomic.Int64  // total at which reached is told, never passed
	reached chan struct{} // has room for one
	failed  chan error    // has room for one
	wg      sync.WaitGroup
}

func newSink(conns []net.Conn, buf int) *sink {
	s := &sink{reached: make(chan struct{}, 1), failed: make(chan error, 1)}
	serveAll(&s.wg, conns, func(nc net.Conn) { s.drain(nc, buf) })
	return s
}

func (s *sink) drain(nc net.Conn, buf int) {
	p := make([]byte, buf)
	for {
		n, err := nc.Read(p)
		if n > 0 && s.total.Add(int64(n)) == s.target.Load() {
			select {
			case s.reached <- struct{}{}:
			default: // told before, not yet seen
			}
		}
		if err != nil {
			select {
			case s.failed <- err:
			default:
			}
			return
		}
	}
}

// waitFor waits until total bytes have been read since the beginning. It may
// be called before or after they were written.
func (s *sink) waitFor(total int64) error {
	s.target.Store(total)
	for s.total.Load() < total {
		select {
		case <-s.reached:
		case err := <-s.failed:
			return fmt.Errorf("far side: %w", err)
		}
	}
	return nil
}

// Push writes blocks to all connections at once, one goroutine each; the far
// side drains them. An operation is one block.
type Push struct {
	conns *Conns
	block []byte
	sink  *sink
}

// NewPush takes c over. The far side reads with buffers of buf bytes.
func NewPush(c *Conns, size, buf int) *Push {
	return &Push{conns: c, block: pattern(size), sink: newSink(c.Far, buf)}
}

// Run writes n blocks and returns when all have been read.
func (p *Push) Run(n int) error {
	before := p.sink.total.Load()
	err := share(n, len(p.conns.Near), func(w int) error {
		_, err := p.conns.Near[w].Write(p.block)
		return err
	})
	if err != nil {
		return err
	}
	return p.sink.waitFor(before + int64(n)*int64(len(p.block)))
}

// Close closes the connections.
func (p *Push) Close() {
	p.conns.Close()
	p.sink.wg.Wait()
}

// pattern returns size bytes that are not all alike.
func pattern(size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	return p
}
