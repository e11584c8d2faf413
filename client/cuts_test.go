package client_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/chaos"
	"github.com/singchia/geminio/test/harness"
)

const (
	cuts    = 100
	mostHit = cuts * 95 / 100

	// ringMost is the most that a side keeps for a peer that may come back, and
	// grows to.
	ringMost = 16 << 20

	// frameMost is one frame.
	frameMost = packet.HeaderLen + packet.MaxPayload
)

// eachWay is how many bytes are copied in each direction, and of how many of
// them the undisturbed time is measured.
func eachWay() (size, sample int64) {
	if os.Getenv("GEMINIO_SOAK") != "" {
		return 1 << 30, 1 << 30
	}
	return 128 << 20, 32 << 20
}

// TestHundredCuts copies both ways at once while the connection is cut a
// hundred times at random bytes, with calls and messages in both directions
// beside it. Nobody may notice.
func TestHundredCuts(t *testing.T) {
	size, sample := eachWay()
	for _, carrier := range []string{"tcp", "tls"} {
		t.Run(carrier, func(t *testing.T) {
			seed := chaos.Seed(t)
			uncut := newTransfer(t, carrier, nil).run(sample)
			require.Zero(t, uncut.resumes)
			uncut.took *= time.Duration(size / sample)
			uncut.wire *= size / sample

			got := newTransfer(t, carrier, chaos.Cuts(seed, cuts, 2*size, chaos.Reset{}, chaos.Close{})).run(size)
			t.Logf("%d MiB each way: uncut %v; with %d cuts %v, %v without the waits for redials; %d resumes; "+
				"%d of %d MiB on the wire; at most %d KiB repeated at once; %d calls, %d messages beside it",
				size>>20, uncut.took.Round(time.Millisecond), got.cuts, got.took.Round(time.Millisecond),
				(got.took - got.waited).Round(time.Millisecond), got.resumes, got.wire>>20, uncut.wire>>20,
				got.repeatedMost>>10, got.calls, got.messages)

			require.GreaterOrEqual(t, got.cuts, mostHit, "cuts that hit the copy")
			require.Positive(t, got.resumes)
			require.LessOrEqual(t, got.resumes, uint64(got.cuts))
			require.LessOrEqual(t, got.took, uncut.took+time.Minute)
			require.LessOrEqual(t, got.ring, uint64(ringMost))
			require.LessOrEqual(t, got.repeatedMost, got.ring+frameMost)
			require.LessOrEqual(t, got.repeated, got.resumes*(got.ring+frameMost))
			require.LessOrEqual(t, got.wire, uncut.wire+int64(got.cuts)*2*(ringMost+frameMost), "both directions")
		})
	}
}

// A figures tells what a transfer took.
type figures struct {
	took, waited    time.Duration // waited: for the first redial after each cut
	cuts            int           // that came before the copy was complete
	wire            int64         // bytes that were sent
	calls, messages int

	// Of the client's side. Ring is what it may keep for a peer that comes back.
	resumes, repeated, repeatedMost, ring uint64
}

// A transfer is a server and a client that comes back to it, over a proxy.
type transfer struct {
	*delegate.UnimplementedDelegate
	t       *testing.T
	proxy   *chaos.Proxy
	far     geminio.End // the server's
	near    geminio.End // the client's
	streams chan geminio.Stream

	mu     sync.Mutex
	lost   time.Time     // when the connection was; zero: it is not
	waited time.Duration // for the next one to be dialled, all in all
	worst  uint64
	lives  int // sessions that began and ended
}

func newTransfer(t *testing.T, carrier string, script func(int) chaos.Script) *transfer {
	t.Helper()
	tr := &transfer{t: t, streams: make(chan geminio.Stream, 1)}
	config, err := harness.TLSConfig()
	require.NoError(t, err)

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tr.proxy, err = chaos.NewProxy(ln.Addr().String(), script)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.proxy.Close()) })
	if carrier == "tls" {
		ln = tls.NewListener(ln, config)
	}
	sopts := harness.ServerOptions()
	sopts.SetAcceptStreamFunc(func(s geminio.Stream) { tr.streams <- s })
	l, err := server.NewListener(ln, sopts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })

	copts := harness.ClientOptions()
	copts.SetDelegate(tr)
	tr.near, err = client.NewRetryEndWithDialer(func() (net.Conn, error) { return tr.dial(carrier, config) }, copts)
	require.NoError(t, err)
	tr.far, err = l.AcceptEnd()
	require.NoError(t, err)
	t.Cleanup(func() { harness.CloseBoth(tr.near, tr.far) })
	return tr
}

// dial measures how long nothing was connected.
func (tr *transfer) dial(carrier string, config *tls.Config) (net.Conn, error) {
	tr.mu.Lock()
	if !tr.lost.IsZero() {
		tr.waited += time.Since(tr.lost)
		tr.lost = time.Time{}
	}
	tr.mu.Unlock()
	nc, err := tr.proxy.Dial()
	if err != nil || carrier != "tls" {
		return nc, err
	}
	return tls.Client(nc, config), nil
}

// The delegate: a session that begins or ends is an error, but for the first.

func (tr *transfer) ConnOnline(delegate.ConnDescriber) error {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.lives++; tr.lives > 1 {
		tr.t.Error("a second session")
	}
	return nil
}

func (tr *transfer) EndReOnline(delegate.ClientDescriber) { tr.t.Error("EndReOnline") }

func (tr *transfer) ConnSuspended(delegate.ConnDescriber) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.lost = time.Now()
}

func (tr *transfer) ConnResumed(delegate.ConnDescriber) {
	last := client.ConnOf(tr.near).Stats().RepeatedLast
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.worst = max(tr.worst, last)
	tr.lost = time.Time{} // told after it was dialled again
}

// run copies size bytes each way.
func (tr *transfer) run(size int64) (f figures) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	opened, err := tr.near.OpenStream()
	require.NoError(tr.t, err)
	accepted := <-tr.streams

	// Beside the copy.
	stop := make(chan struct{})
	var calls, messages [2]*audit
	var beside, receivers sync.WaitGroup
	for i, way := range [][2]geminio.End{{tr.near, tr.far}, {tr.far, tr.near}} {
		calls[i], messages[i] = newAudit(), newAudit()
		require.NoError(tr.t, way[1].Register(ctx, "count", calls[i].handle))
		receivers.Add(1)
		go func() {
			defer receivers.Done()
			messages[i].receive(ctx, tr.t, way[1])
		}()
		beside.Add(2)
		go func() {
			defer beside.Done()
			calls[i].call(ctx, tr.t, way[0], stop)
		}()
		go func() {
			defer beside.Done()
			messages[i].publish(ctx, tr.t, way[0], stop)
		}()
	}

	began := time.Now()
	var copies sync.WaitGroup
	sums := make([][sha256.Size]byte, 4)
	for i, side := range []geminio.Stream{opened, accepted} {
		copies.Add(2)
		go func() {
			defer copies.Done()
			sums[i] = send(tr.t, side, size, byte(i))
		}()
		go func() {
			defer copies.Done()
			sums[3-i] = collect(tr.t, side, size)
		}()
	}
	harness.Within(tr.t, 10*time.Minute, "the copy", copies.Wait)
	f.took = time.Since(began)
	f.cuts = tr.proxy.Stats().Cuts
	close(stop)
	harness.Within(tr.t, time.Minute, "the last call and message", beside.Wait)
	cancel()
	receivers.Wait()

	require.Equal(tr.t, sums[0], sums[2], "client to server")
	require.Equal(tr.t, sums[1], sums[3], "server to client")
	for i := range 2 {
		f.calls += calls[i].check(tr.t, "call")
		f.messages += messages[i].check(tr.t, "message")
	}
	stats := client.ConnOf(tr.near).Stats()
	f.resumes, f.repeated, f.ring = stats.Resumes, stats.Repeated, uint64(stats.RetainedMost)
	wire := tr.proxy.Stats()
	f.wire = wire.Up.In + wire.Down.In
	tr.mu.Lock()
	defer tr.mu.Unlock()
	f.waited, f.repeatedMost = tr.waited, max(tr.worst, stats.RepeatedLast)
	require.Equal(tr.t, 1, tr.lives)
	return f
}

// blockSize is what is written at once.
const blockSize = 128 << 10

// send writes size bytes, of which no two blocks are alike, ends the
// direction, and returns the sum of what was written.
func send(t *testing.T, s geminio.Stream, size int64, salt byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	block := harness.Pattern(blockSize)
	block[0] = salt
	for n := int64(0); n < size; n += blockSize {
		for i := 0; i < 8; i++ {
			block[1+i] = byte(n >> (8 * i))
		}
		h.Write(block)
		if _, err := s.Write(block); err != nil {
			t.Errorf("write at %d: %v", n, err)
			break
		}
	}
	if err := s.(geminio.CloseWriter).CloseWrite(); err != nil {
		t.Errorf("CloseWrite: %v", err)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// collect reads until the end, which must come after size bytes.
func collect(t *testing.T, s geminio.Stream, size int64) (sum [sha256.Size]byte) {
	h := sha256.New()
	n, err := io.Copy(h, s)
	if err != nil || n != size {
		t.Errorf("read %d bytes of %d: %v", n, size, err)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// An audit counts what has an id: whoever makes it, and whoever gets it.
type audit struct {
	mu   sync.Mutex
	made uint64
	got  map[string]int
}

func newAudit() *audit { return &audit{got: make(map[string]int)} }

// next returns the next id, or false once stop is closed.
func (a *audit) next(stop <-chan struct{}) (id string, ok bool) {
	select {
	case <-stop:
		return "", false
	default:
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.made++
	return fmt.Sprint(a.made), true
}

func (a *audit) gets(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.got[id]++
}

// check requires that each id was got once, and returns how many there were.
func (a *audit) check(t *testing.T, what string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	require.Len(t, a.got, int(a.made), what)
	for id, n := range a.got {
		require.Equal(t, 1, n, "%s %s", what, id)
	}
	return int(a.made)
}

func (a *audit) handle(_ context.Context, req geminio.Request, rsp geminio.Response) {
	a.gets(string(req.Data()))
	rsp.SetData(req.Data())
}

// call calls one after the other until stop is closed.
func (a *audit) call(ctx context.Context, t *testing.T, end geminio.End, stop <-chan struct{}) {
	for id, ok := a.next(stop); ok; id, ok = a.next(stop) {
		rsp, err := end.Call(ctx, "count", end.NewRequest([]byte(id)))
		if err != nil {
			t.Errorf("call %s: %v", id, err)
			return
		}
		if string(rsp.Data()) != id {
			t.Errorf("call %s was answered %q", id, rsp.Data())
		}
	}
}

// publish publishes one after the other until stop is closed.
func (a *audit) publish(ctx context.Context, t *testing.T, end geminio.End, stop <-chan struct{}) {
	for id, ok := a.next(stop); ok; id, ok = a.next(stop) {
		if err := end.Publish(ctx, end.NewMessage([]byte(id))); err != nil {
			t.Errorf("message %s: %v", id, err)
			return
		}
	}
}

// receive takes every message until ctx ends.
func (a *audit) receive(ctx context.Context, t *testing.T, end geminio.End) {
	for {
		m, err := end.Receive(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.Errorf("receive: %v", err)
			return
		}
		a.gets(string(m.Data()))
		if err := m.Done(); err != nil {
			t.Errorf("done: %v", err)
		}
	}
}
