package load

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// bulkBlock is what the bulk streams write at a time.
const bulkBlock = 32 << 10

// UnderBulk calls over a connection while streams of the same connection push
// as much as they can in the same direction.
type UnderBulk struct {
	calls *Calls
	conns *Conns
	block []byte
	sink  *sink
}

// Latency is what a sample of calls says.
type Latency struct {
	P50, P99 time.Duration
}

// NewUnderBulk has so many streams for bulk and calls of size bytes.
func NewUnderBulk(streams, size int) (*UnderBulk, error) {
	ends, err := Connect()
	if err != nil {
		return nil, err
	}
	c, err := StreamsOf(ends, streams)
	if err == nil {
		err = ServeEcho(ends.Far)
	}
	if err != nil {
		ends.Close()
		return nil, err
	}
	c.carrier = ends
	return &UnderBulk{
		calls: &Calls{callers: []Caller{EndCaller(ends.Near)}, payload: pattern(size)},
		conns: c,
		block: pattern(bulkBlock),
		sink:  newSink(c.Far, 128<<10),
	}, nil
}

// Close closes the connection.
func (u *UnderBulk) Close() {
	u.conns.Close()
	u.sink.wg.Wait()
}

// Calls makes undisturbed calls while more says so.
func (u *UnderBulk) Calls(more func(made int) bool) (Latency, error) {
	took, err := u.calls.Sample(more)
	return percentiles(took), err
}

// Bulk pushes for d and returns the bytes per second that were read.
func (u *UnderBulk) Bulk(d time.Duration) (float64, error) {
	var rate float64
	err := u.pushing(func() error {
		rate = u.rateDuring(func() { <-time.After(d) })
		return nil
	})
	return rate, err
}

// Both makes calls while more says so beside bulk, and returns their latency
// and the bytes per second that bulk had meanwhile.
func (u *UnderBulk) Both(more func(made int) bool) (Latency, float64, error) {
	var (
		rate float64
		took []time.Duration
	)
	err := u.pushing(func() error {
		// The first calls meet a connection that does not know of calls yet.
		_, err := u.calls.Sample(func(made int) bool { return made < 100 })
		if err != nil {
			return err
		}
		rate = u.rateDuring(func() { took, err = u.calls.Sample(more) })
		return err
	})
	return percentiles(took), rate, err
}

// pushing runs f while all streams push, and returns when all they wrote has
// been read.
func (u *UnderBulk) pushing(f func() error) error {
	var (
		stop    atomic.Bool
		written atomic.Int64
		wg      sync.WaitGroup
		pushErr atomic.Pointer[error]
	)
	before, flowing := u.sink.total.Load(), make(chan struct{}, 1)
	wg.Add(len(u.conns.Near))
	for _, nc := range u.conns.Near {
		go func() {
			defer wg.Done()
			for !stop.Load() {
				n, err := nc.Write(u.block)
				if written.Add(int64(n)) > int64(len(u.conns.Near))*2*bulkBlock {
					select {
					case flowing <- struct{}{}:
					default:
					}
				}
				if err != nil {
					pushErr.CompareAndSwap(nil, &err)
					return
				}
			}
		}()
	}
	select {
	case <-flowing:
	case err := <-u.sink.failed:
		return fmt.Errorf("far side: %w", err)
	}
	err := f()
	stop.Store(true)
	wg.Wait()
	if first := pushErr.Load(); first != nil {
		return *first
	}
	if err != nil {
		return err
	}
	return u.sink.waitFor(before + written.Load())
}

// rateDuring runs f and returns the bytes per second read meanwhile.
func (u *UnderBulk) rateDuring(f func()) float64 {
	begin, from := time.Now(), u.sink.total.Load()
	f()
	return float64(u.sink.total.Load()-from) / time.Since(begin).Seconds()
}

func percentiles(took []time.Duration) Latency {
	if len(took) == 0 {
		return Latency{}
	}
	slices.Sort(took)
	return Latency{P50: took[len(took)/2], P99: took[len(took)*99/100]}
}
