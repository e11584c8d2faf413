package load

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/singchia/geminio/test/bench/peers/peer"
	"github.com/singchia/geminio/test/bench/peers/results"
)

const (
	bulkBlock   = 32 << 10 // what the bulk streams write at a time
	besideBytes = 64       // what a call carries
)

// beside calls over a connection while streams of the same connection push as
// much as they can in the same direction. An operation is one call, or one
// Write where there are no calls.
type beside struct {
	mux     peer.Mux
	caller  peer.Caller
	calls   bool
	streams streams
	block   []byte
	payload []byte

	read    *counter
	written atomic.Int64

	took []time.Duration // by the calls of the last run
	rate float64         // bytes per second of the bulk meanwhile
}

func newBeside(open func() (peer.Mux, peer.Caller, error), n int, calls bool) (load, error) {
	m, c, err := open()
	if err != nil {
		return nil, err
	}
	b := &beside{
		mux: m, caller: c, calls: calls,
		block: pattern(bulkBlock), payload: pattern(besideBytes),
		took: make([]time.Duration, 0, 1<<17),
	}
	if b.streams, err = openStreams(m, n); err != nil {
		return nil, err
	}
	b.read = drain(b.streams.far, 128<<10)
	return b, nil
}

func (b *beside) run(stop *atomic.Bool) (ops int64, err error) {
	var (
		wg      sync.WaitGroup
		writes  int64
		pushErr error
	)
	if n := len(b.streams.near); n > 0 {
		for w := range n { // calls meet the bulk when it flows
			if err := b.write(w); err != nil {
				return 0, err
			}
		}
		wg.Go(func() { writes, pushErr = workers(n, stop, b.write) })
	}

	begin, from := time.Now(), b.read.n.Load()
	b.took = b.took[:0]
	if b.calls {
		ops, err = repeat(stop, b.call)
	} else {
		wg.Wait()
	}
	b.rate = float64(b.read.n.Load()-from) / time.Since(begin).Seconds()
	stop.Store(true)
	wg.Wait()
	if err := errors.Join(err, pushErr); err != nil {
		return 0, err
	}
	if !b.calls {
		ops = writes
	}
	return ops, b.read.wait(b.written.Load())
}

func (b *beside) write(w int) error {
	n, err := b.streams.near[w].Write(b.block)
	b.written.Add(int64(n))
	return err
}

func (b *beside) call() error {
	begin := time.Now()
	if err := call(b.caller, b.payload); err != nil {
		return err
	}
	b.took = append(b.took, time.Since(begin))
	return nil
}

func (b *beside) bytes() int {
	if b.calls {
		return besideBytes
	}
	return bulkBlock
}

func (b *beside) report(s *results.Sample) {
	s.Extra = map[string]float64{}
	if len(b.streams.near) > 0 {
		s.Extra["bulkMBs"] = b.rate / 1e6
	}
	if n := len(b.took); n > 0 {
		slices.Sort(b.took)
		s.Extra["p50us"] = micros(b.took[n/2])
		s.Extra["p99us"] = micros(b.took[n*99/100])
	}
}

func (b *beside) close() error {
	b.streams.close()
	return errors.Join(b.caller.Close(), b.mux.Close())
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
