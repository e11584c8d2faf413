//go:build go1.25

package session

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/test/chaos"
	"github.com/singchia/geminio/test/harness"
)

// handshaken is more than a handshake takes: the first one succeeds, so that
// there is a client.
const handshaken = 8 << 10

// A trouble is what the connections of one row suffer.
type trouble struct {
	name string
	// strikes is how many connections it strikes, the first ones; after them
	// all is well. Zero: every connection.
	strikes int
	// breaks tells that it costs a connection.
	breaks bool
	script func(rnd *rand.Rand, n int) chaos.Script
}

// somewhere returns a byte at which connection n is struck, which for all but
// the first may lie in the handshake.
func somewhere(rnd *rand.Rand, n int) int64 {
	at := rnd.Int64N(16 << 10)
	if n == 0 {
		at += handshaken
	}
	return at
}

// once strikes at a byte.
func once(direction chaos.Direction, fault chaos.Fault) func(rnd *rand.Rand, n int) chaos.Script {
	return func(rnd *rand.Rand, n int) chaos.Script {
		return chaos.Script{{Direction: direction, After: somewhere(rnd, n), Fault: fault}}
	}
}

// always holds from the first byte on.
func always(fault chaos.Fault) func(*rand.Rand, int) chaos.Script {
	return func(*rand.Rand, int) chaos.Script { return chaos.Script{{Fault: fault}} }
}

var troubles = []trouble{
	{"reset", 10, true, once(chaos.Both, chaos.Reset{})},
	{"closed", 10, true, once(chaos.Both, chaos.Close{})},
	{"closed for the server", 5, true, once(chaos.Up, chaos.CloseWrite{})},
	{"closed for the client", 5, true, once(chaos.Down, chaos.CloseWrite{})},
	{"black hole", 3, true, once(chaos.Both, chaos.BlackHole{})},
	{"black hole before the server", 3, true, once(chaos.Up, chaos.BlackHole{})},
	{"black hole before the client", 3, true, once(chaos.Down, chaos.BlackHole{})},
	{"stalled", 3, true, once(chaos.Both, chaos.Stall{})},
	{"stalled before the server", 3, true, once(chaos.Up, chaos.Stall{})},
	{"stalled before the client", 3, true, once(chaos.Down, chaos.Stall{})},
	{"stalled for a while", 10, false, once(chaos.Both, chaos.Stall{For: 1500 * time.Millisecond})},
	{"delay and jitter", 0, false, always(chaos.Delay{Base: 50 * time.Millisecond, Jitter: 50 * time.Millisecond})},
	{"bandwidth with a queue", 0, false, always(chaos.Bandwidth{Rate: 256 << 10, Queue: 16 << 10})},
	{"slices", 0, false, func(*rand.Rand, int) chaos.Script {
		return chaos.Script{{Fault: chaos.Slice{Max: 7}}, {After: 256 << 10, Fault: chaos.Slice{}}}
	}},
	{"slow close", 3, true, func(rnd *rand.Rand, n int) chaos.Script {
		// The client gives up; the server hears of that when the next connection
		// has long been there.
		return chaos.Script{
			{Fault: chaos.SlowClose{Wait: 10 * time.Second}},
			{Direction: chaos.Down, After: somewhere(rnd, n), Fault: chaos.BlackHole{}},
		}
	}},
	{"refused", 10, true, func(rnd *rand.Rand, n int) chaos.Script {
		if n%3 == 0 {
			return once(chaos.Both, chaos.Reset{})(rnd, n)
		}
		return chaos.Script{{Fault: chaos.Refuse{}}}
	}},
	{"everything", 6, true, func(rnd *rand.Rand, n int) chaos.Script {
		profile := chaos.Deadly
		profile.Bytes, profile.Time = 32<<10, 0
		s := append(chaos.Random(rnd.Uint64(), profile), once(chaos.Both, chaos.Reset{})(rnd, n)...)
		if n == 0 {
			for i := range s {
				s[i].After += handshaken
			}
		}
		return s
	}},
}

// TestNoFaultIsNoticed has a client and a server work while their connection
// suffers.
func TestNoFaultIsNoticed(t *testing.T) {
	seed, times := chaos.Seed(t), uint64(1)
	if soaks() {
		times = 50
	}
	for i := range times * uint64(len(troubles)*len(works)) {
		n := int(i / times)
		tr, work := troubles[n/len(works)], works[n%len(works)]
		t.Run(fmt.Sprintf("%s/%s/%d", tr.name, work.name, i%times), func(t *testing.T) {
			harness.Virtual(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, i))
				w := newWorld(t, func(n int) chaos.Script {
					if tr.strikes > 0 && n >= tr.strikes {
						return nil
					}
					return tr.script(rnd, n)
				}, nil)
				near, far, watch := w.join(t)
				began := time.Now()
				work.do(t, near, far)
				t.Logf("%v on %d connections", time.Since(began), len(w.Links()))
				if tr.breaks {
					require.Greater(t, len(w.Links()), 1, "nothing has struck")
				}
				watch.undisturbed(t, 1)
				w.server.undisturbed(t, 1)
			})
		})
	}
}

// A work is something that two Ends do, which neither an error nor anything
// twice may come of.
type work struct {
	name string
	do   func(t *testing.T, near, far geminio.End)
}

var works = []work{{"calls", doCalls}, {"messages", doMessages}, {"streams", doStreams}}

const (
	workers = 4
	rounds  = 12
)

// atOnce runs f on several goroutines for either direction.
func atOnce(near, far geminio.End, f func(end, peer geminio.End, way, worker int)) {
	var all sync.WaitGroup
	for way, ends := range [][2]geminio.End{{near, far}, {far, near}} {
		for worker := range workers {
			all.Add(1)
			go func() {
				defer all.Done()
				f(ends[0], ends[1], way, worker)
			}()
		}
	}
	all.Wait()
}

// tally counts what came by its id.
type tally struct {
	mu  sync.Mutex
	got map[uint64]int
}

func (c *tally) add(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.got == nil {
		c.got = make(map[uint64]int)
	}
	c.got[id]++
}

// once requires that each of n ids came once.
func (c *tally) once(t *testing.T, n int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Len(t, c.got, n)
	for id, times := range c.got {
		require.Equal(t, 1, times, "id %d", id)
	}
}

// parcel returns content with an id, and small, or too large for one frame.
func parcel(way, worker, round int) (id uint64, data []byte) {
	id = uint64(way*1_000_000 + worker*1000 + round)
	data = make([]byte, 1<<10)
	if round%6 == 5 {
		data = make([]byte, 80<<10)
	}
	binary.BigEndian.PutUint64(data, id)
	return id, data
}

// enough is more than anything takes, on the clock of the bubble: a test that
// fails ends then.
const enough = 10 * time.Minute

func doCalls(t *testing.T, near, far geminio.End) {
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	defer cancel()
	var executed tally
	for _, end := range []geminio.End{near, far} {
		require.NoError(t, end.Hijack(func(ctx context.Context, method string, req geminio.Request, rsp geminio.Response) {
			executed.add(binary.BigEndian.Uint64(req.Data()))
			harness.Echo(ctx, method, req, rsp)
		}))
	}
	atOnce(near, far, func(end, _ geminio.End, way, worker int) {
		for round := range rounds {
			_, data := parcel(way, worker, round)
			rsp, err := end.Call(ctx, "echo", end.NewRequest(data))
			if err != nil || string(rsp.Data()) != string(data) {
				t.Errorf("call %d/%d/%d: %v", way, worker, round, err)
			}
		}
	})
	executed.once(t, 2*workers*rounds)
}

func doMessages(t *testing.T, near, far geminio.End) {
	var received [2]tally
	last := make(map[[2]int]int)
	ctx, cancel := context.WithTimeout(context.Background(), enough)
	var receivers sync.WaitGroup
	var mu sync.Mutex
	for way, end := range []geminio.End{far, near} {
		receivers.Add(1)
		go func() {
			defer receivers.Done()
			for {
				m, err := end.Receive(ctx)
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					t.Errorf("receive: %v", err)
					return
				}
				id := binary.BigEndian.Uint64(m.Data())
				received[way].add(id)
				mu.Lock()
				from := [2]int{way, int(id / 1000)}
				if before, ok := last[from]; ok && int(id%1000) != before+1 {
					t.Errorf("message %d of worker %v came after %d", id%1000, from, before)
				}
				last[from] = int(id % 1000)
				mu.Unlock()
				if err := m.Done(); err != nil {
					t.Errorf("done: %v", err)
				}
			}
		}()
	}
	cnss := []options.Cnss{options.CnssAtMostOnce, options.CnssAtLeastOnce, options.CnssAtEffectiveOnce, 0}
	atOnce(near, far, func(end, _ geminio.End, way, worker int) {
		for round := range rounds {
			_, data := parcel(way, worker, round)
			opts := options.NewMessage()
			opts.SetCnss(cnss[worker%len(cnss)])
			if err := end.Publish(ctx, end.NewMessage(data, opts)); err != nil {
				t.Errorf("message %d/%d/%d: %v", way, worker, round, err)
			}
		}
		// What is published at most once is known to have come when this one is.
		_, data := parcel(way, worker, rounds)
		if err := end.Publish(ctx, end.NewMessage(data)); err != nil {
			t.Errorf("last message: %v", err)
		}
	})
	cancel()
	receivers.Wait()
	for way := range received {
		received[way].once(t, workers*(rounds+1))
	}
}

func doStreams(t *testing.T, near, far geminio.End) {
	atOnce(near, far, func(end, peer geminio.End, way, worker int) {
		// Without waiting for the answer: that has a limit of its own.
		opts := options.OpenStream()
		opts.SetWait(false)
		opened, err := end.OpenStream(opts)
		if err != nil {
			t.Errorf("open: %v", err)
			return
		}
		accepted, err := peer.AcceptStream()
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		// Which stream was accepted is nobody's matter: all carry alike.
		const size = 96 << 10
		data := harness.Pattern(size)
		var both sync.WaitGroup
		for _, s := range []geminio.Stream{opened, accepted} {
			if err := s.SetDeadline(time.Now().Add(enough)); err != nil {
				t.Errorf("deadline: %v", err)
			}
			both.Add(2)
			go func() {
				defer both.Done()
				for at := 0; at < size; at += 3 << 10 {
					if _, err := s.Write(data[at:min(at+3<<10, size)]); err != nil {
						t.Errorf("write at %d: %v", at, err)
						return
					}
				}
				if err := s.(geminio.CloseWriter).CloseWrite(); err != nil {
					t.Errorf("CloseWrite: %v", err)
				}
			}()
			go func() {
				defer both.Done()
				got, err := io.ReadAll(s)
				if err != nil || sha256.Sum256(got) != sha256.Sum256(data) {
					t.Errorf("read %d bytes of %d: %v", len(got), size, err)
				}
			}()
		}
		both.Wait()
	})
}

// TestSwizzle stops the connections of twenty clients one by one and lets them
// go in another order.
func TestSwizzle(t *testing.T) {
	const clients, rounds = 20, 3
	seed := chaos.Seed(t)
	harness.Virtual(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		w := newWorld(t, nil)
		var executed tally
		var calls [clients]uint64
		stop := make(chan struct{})
		var working sync.WaitGroup
		var watches [clients]*watcher
		for i := range clients {
			near, far, watch := w.join(t)
			watches[i] = watch
			require.NoError(t, far.Hijack(func(_ context.Context, _ string, req geminio.Request, _ geminio.Response) {
				executed.add(binary.BigEndian.Uint64(req.Data()))
			}))
			working.Add(1)
			go func() {
				defer working.Done()
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Second):
					}
					id := binary.BigEndian.AppendUint64(nil, uint64(i)<<32|calls[i])
					calls[i]++
					if _, err := near.Call(context.Background(), "count", near.NewRequest(id)); err != nil {
						t.Errorf("client %d: %v", i, err)
						return
					}
				}
			}()
		}
		for range rounds {
			links := w.Links()
			links = links[len(links)-clients:]
			for _, i := range rnd.Perm(clients) {
				links[i].Inject(chaos.Both, chaos.Stall{})
				time.Sleep(time.Duration(rnd.Int64N(int64(time.Second))))
			}
			for _, i := range rnd.Perm(clients) {
				links[i].Inject(chaos.Both, chaos.Release{})
				time.Sleep(time.Duration(rnd.Int64N(int64(time.Second))))
			}
		}
		time.Sleep(10 * time.Second)
		close(stop)
		working.Wait()
		total := 0
		for i, n := range calls {
			total += int(n)
			require.Greater(t, n, uint64(10), "client %d", i)
			watches[i].undisturbed(t, 1)
		}
		executed.once(t, total)
		w.server.undisturbed(t, clients)
		t.Logf("%d calls on %d connections", total, len(w.Links()))
	})
}
