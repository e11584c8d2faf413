//go:build go1.25

package carriers

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/chaos"
	"github.com/singchia/geminio/test/harness"
)

// A carrier is what lies between two Ends.
type carrier struct {
	name   string
	script chaos.Script

	// rate is what bulk gets of it alone, in bytes a second, and beside what it
	// gets beside calls at least. offered is what is written, where the carrier
	// carries all that it is given; 0: as much as is taken.
	rate, beside, offered float64

	streams int // that carry the bulk together: as many as fill the queue

	first  time.Duration // how long a call takes at most where bulk came first
	median time.Duration // and how long half of those behind it do
}

const (
	rtt = 20 * time.Millisecond // of a byte when nothing else is under way

	wide, narrow = 10e6, 400 << 10 // bytes a second
)

var (
	delay    = chaos.Step{Fault: chaos.Delay{Base: rtt / 2}}
	jitter   = chaos.Step{Fault: chaos.Delay{Base: rtt / 2, Jitter: rtt / 2, Seed: 1}}
	tenMB    = chaos.Step{Fault: chaos.Bandwidth{Rate: wide, Queue: 8 << 20}}
	slowLink = chaos.Step{Fault: chaos.Bandwidth{Rate: narrow, Queue: 8 << 20}}
)

// The carriers. Jitter is as much as the round trip, and order is kept: under
// bulk that is a round trip of up to twice as much, and so may be the one that
// the PING meets for which bulk is held. What is offered to the carrier with
// delay alone is more than the 512 KiB carry that bulk has in any case.
var carriers = []carrier{
	{
		name: "delay", script: chaos.Script{delay},
		rate: 30e6, beside: 0.8 * 30e6, offered: 30e6, streams: 1,
		first: 2 * rtt, median: 3 * rtt,
	},
	{
		name: "jitter", script: chaos.Script{jitter},
		rate: 20e6, beside: 0.8 * 20e6, offered: 20e6, streams: 1,
		first: 3 * rtt, median: 3 * rtt,
	},
	{
		name: "10 MB a second", script: chaos.Script{delay, tenMB},
		rate: wide, beside: 0.8 * wide, streams: 32,
		first: 500 * time.Millisecond, median: 3 * rtt,
	},
	{
		name: "10 MB a second with jitter", script: chaos.Script{jitter, tenMB},
		rate: wide, beside: 0.8 * wide, streams: 32,
		first: 500 * time.Millisecond, median: 3 * (2 * rtt),
	},
	{
		name: "400 KiB a second", script: chaos.Script{delay, slowLink},
		rate: narrow, beside: 0.8 * narrow, streams: 32,
		first: 1500 * time.Millisecond, median: 300 * time.Millisecond,
	},
}

// A world is two Ends with a carrier between them. Both answer every call.
type world struct {
	link           *chaos.Link
	client, server geminio.End
}

func newWorld(t *testing.T, c carrier) *world {
	t.Helper()
	copts, sopts := client.NewEndOptions(), server.NewEndOptions()
	if c.offered > 0 { // windows are not what is tested
		copts.Limits.StreamWindow, sopts.Limits.StreamWindow = 4<<20, 4<<20
	}
	cc, sc := chaos.Pipe(c.script...)
	w := &world{link: cc.Link()}
	var err error
	w.client, w.server, err = harness.Join(cc, sc, copts, sopts)
	require.NoError(t, err)
	t.Cleanup(func() { harness.CloseBoth(w.client, w.server) })
	require.NoError(t, w.client.Hijack(harness.Echo))
	require.NoError(t, w.server.Hijack(harness.Echo))
	return w
}

// A bulk is some streams that are written and read as fast as may be.
type bulk struct {
	begin chan struct{}
	start func()
	read  atomic.Int64
}

// newBulk opens the streams from one End to another. Once started, bytes flow
// until the end of the test.
func newBulk(t *testing.T, c carrier, from, to geminio.End) *bulk {
	t.Helper()
	b := &bulk{begin: make(chan struct{})}
	b.start = sync.OnceFunc(func() { close(b.begin) })
	var running sync.WaitGroup
	for range c.streams {
		out, in := harness.OpenPair(t, from, to)
		running.Go(func() {
			<-b.begin
			write(out, c.offered)
		})
		running.Go(func() {
			for buf := make([]byte, 256<<10); ; {
				n, err := in.Read(buf)
				b.read.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
	}
	t.Cleanup(func() {
		harness.CloseBoth(from, to)
		b.start()
		running.Wait()
	})
	return b
}

// write writes blocks until it fails, so many bytes a second if that is not 0.
func write(out geminio.Stream, rate float64) {
	block := make([]byte, 128<<10)
	for due := time.Now(); ; {
		if _, err := out.Write(block); err != nil {
			return
		}
		if rate > 0 {
			due = due.Add(time.Duration(float64(len(block)) / rate * float64(time.Second)))
			time.Sleep(time.Until(due))
		}
	}
}

// over returns how many bytes a second were read while f ran.
func (b *bulk) over(f func()) float64 {
	before, began := b.read.Load(), time.Now()
	f()
	return float64(b.read.Load()-before) / time.Since(began).Seconds()
}

// call returns how long a call took.
func call(t *testing.T, end geminio.End) time.Duration {
	t.Helper()
	began := time.Now()
	rsp, err := end.Call(context.Background(), "echo", end.NewRequest([]byte("x")))
	require.NoError(t, err)
	require.Equal(t, "x", string(rsp.Data()))
	return time.Since(began)
}

// calls makes calls one after another for so long, and returns how long they
// took, sorted.
func calls(t *testing.T, end geminio.End, long time.Duration) []time.Duration {
	t.Helper()
	var took []time.Duration
	for began := time.Now(); time.Since(began) < long; {
		took = append(took, call(t, end))
	}
	slices.Sort(took)
	return took
}

func median(took []time.Duration) time.Duration { return took[len(took)/2] }
