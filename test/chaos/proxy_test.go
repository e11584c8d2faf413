package chaos_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/test/chaos"
)

// soon is how long something may take that has no reason to take long.
const soon = 30 * time.Second

// proxied returns the two sides of a TCP connection through a proxy.
func proxied(t *testing.T, script ...chaos.Step) (client, server *net.TCPConn, link *chaos.Link) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	p, err := chaos.NewProxy(l.Addr().String(), chaos.Every(script...))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	c, err := p.Dial()
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, l.(*net.TCPListener).SetDeadline(time.Now().Add(soon)))
	s, err := l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	for _, c := range []net.Conn{c, s} {
		require.NoError(t, c.SetDeadline(time.Now().Add(soon)))
	}
	// The proxy has the connection before the server accepts it, and lists it
	// soon after.
	require.Eventually(t, func() bool { return len(p.Links()) == 1 }, soon, time.Millisecond)
	return c.(*net.TCPConn), s.(*net.TCPConn), p.Links()[0]
}

// within requires that f, which began with the connection, took from low to
// low and a lot more.
func within(t *testing.T, low time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	require.GreaterOrEqual(t, time.Since(start), low)
	require.Less(t, time.Since(start), low+soon/2)
}

func TestAProxyCarriesBytesAndEndsAsTheyAre(t *testing.T) {
	client, server, link := proxied(t)
	write(t, client, "question")
	require.NoError(t, client.CloseWrite())
	require.Equal(t, "question", rest(t, server))
	write(t, server, "answer")
	require.NoError(t, server.Close())
	require.Equal(t, "answer", rest(t, client))
	require.Equal(t, chaos.Stats{Up: chaos.Count{In: 8, Out: 8}, Down: chaos.Count{In: 6, Out: 6}}, link.Stats())
}

func TestAProxyCarriesAReset(t *testing.T) {
	client, server, link := proxied(t)
	require.NoError(t, client.SetLinger(0))
	require.NoError(t, client.Close())
	_, err := server.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.Zero(t, link.Stats().Cuts)
}

func TestAProxyResetsAtAByte(t *testing.T) {
	for _, after := range []int64{1, 7, 4096} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			client, server, link := proxied(t, chaos.Step{Direction: chaos.Up, After: after, Fault: chaos.Reset{}})
			client.Write(make([]byte, 8192))
			got, err := io.ReadAll(server)
			require.ErrorIs(t, err, syscall.ECONNRESET)
			require.LessOrEqual(t, int64(len(got)), after)
			_, err = io.ReadAll(client)
			require.ErrorIs(t, err, syscall.ECONNRESET)
			require.Equal(t, 1, link.Stats().Cuts)
			require.Equal(t, after, link.Stats().Up.Out)
		})
	}
}

func TestAProxyClosesAtAByte(t *testing.T) {
	client, server, link := proxied(t, chaos.Step{Direction: chaos.Up, After: 5, Fault: chaos.Close{}})
	write(t, client, "hello")
	require.Equal(t, "hello", rest(t, server))
	require.Empty(t, rest(t, client))
	require.Equal(t, 1, link.Stats().Cuts)
	for _, c := range []net.Conn{client, server} {
		_, err := io.Copy(c, zeros{})
		require.Error(t, err)
		require.False(t, isTimeout(err))
	}
}

func TestAProxyEndsOneDirection(t *testing.T) {
	client, server, _ := proxied(t, chaos.Step{Direction: chaos.Up, After: 5, Fault: chaos.CloseWrite{}})
	write(t, client, "hello, world")
	require.Equal(t, "hello", rest(t, server))
	write(t, server, "answer")
	require.Equal(t, "answer", string(read(t, client, 6)))
}

func TestAProxyResetsAtATimeAndOnDemand(t *testing.T) {
	client, _, _ := proxied(t, chaos.Step{At: 300 * time.Millisecond, Fault: chaos.Reset{}})
	_, err := client.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)

	client, server, link := proxied(t)
	write(t, client, "hello")
	read(t, server, 5)
	link.Inject(chaos.Both, chaos.Reset{})
	for _, c := range []net.Conn{client, server} {
		_, err := c.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
}

func TestAProxySwallowsOneWay(t *testing.T) {
	client, server, link := proxied(t, chaos.Step{Direction: chaos.Up, After: 5, Fault: chaos.BlackHole{}})
	write(t, client, "hello, world")
	require.Equal(t, "hello", string(read(t, server, 5)))
	write(t, client, string(make([]byte, 16<<20)))
	write(t, server, "answer")
	require.Equal(t, "answer", string(read(t, client, 6)))
	require.NoError(t, client.CloseWrite())
	require.NoError(t, server.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err := server.Read(make([]byte, 1))
	require.True(t, isTimeout(err))
	require.EqualValues(t, 5, link.Stats().Up.Out)
}

func TestAProxyStallsUntilReleased(t *testing.T) {
	client, server, link := proxied(t, chaos.Step{Direction: chaos.Up, After: 5, Fault: chaos.Stall{}})
	write(t, client, "hello, world")
	require.Equal(t, "hello", string(read(t, server, 5)))
	require.NoError(t, server.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err := server.Read(make([]byte, 1))
	require.True(t, isTimeout(err))

	require.NoError(t, client.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
	n, err := io.Copy(client, io.LimitReader(zeros{}, 64<<20))
	require.True(t, isTimeout(err), "the writer waits: %v", err)
	require.NoError(t, client.CloseWrite())
	require.NoError(t, server.SetReadDeadline(time.Now().Add(soon)))
	link.Inject(chaos.Up, chaos.Release{})
	all := rest(t, server)
	require.True(t, strings.HasPrefix(all, ", world"))
	require.Len(t, all, 7+int(n))
}

func TestAProxyDelaysAndIsSlow(t *testing.T) {
	client, server, _ := proxied(t,
		chaos.Step{Direction: chaos.Up, Fault: chaos.Delay{Base: 60 * time.Millisecond, Jitter: 10 * time.Millisecond}},
		chaos.Step{Direction: chaos.Down, Fault: chaos.Bandwidth{Rate: 256 << 10}},
		chaos.Step{Direction: chaos.Down, Fault: chaos.SlowClose{Wait: 100 * time.Millisecond}})
	within(t, 50*time.Millisecond, func() {
		write(t, client, "ping")
		read(t, server, 4)
	})
	within(t, 100*time.Millisecond, func() { // less what was carried while nobody read the clock
		write(t, server, string(make([]byte, 32<<10)))
		read(t, client, 32<<10)
	})
	within(t, 100*time.Millisecond, func() {
		require.NoError(t, server.CloseWrite())
		require.Empty(t, rest(t, client))
	})
}

func TestAProxySlices(t *testing.T) {
	client, server, link := proxied(t, chaos.Step{Direction: chaos.Up, Fault: chaos.Slice{Max: 7}})
	data := strings.Repeat("slices", 1000)
	go func() {
		client.Write([]byte(data))
		client.CloseWrite()
	}()
	require.Equal(t, data, rest(t, server))
	require.EqualValues(t, len(data), link.Stats().Up.Out)
}

func TestAProxyRefuses(t *testing.T) {
	p, err := chaos.NewProxy("127.0.0.1:1", chaos.Every(chaos.Step{Fault: chaos.Refuse{}}))
	require.NoError(t, err)
	defer p.Close()
	c, err := p.Dial()
	if err == nil { // the kernel accepts before the proxy can refuse
		defer c.Close()
		require.NoError(t, c.SetDeadline(time.Now().Add(soon)))
		_, err = c.Read(make([]byte, 1))
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.Empty(t, p.Links())
}

func TestAProxyResetsWhomItCannotConnect(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	p, err := chaos.NewProxy(l.Addr().String(), nil)
	require.NoError(t, err)
	defer p.Close()
	c, err := p.Dial()
	if err == nil {
		defer c.Close()
		require.NoError(t, c.SetDeadline(time.Now().Add(soon)))
		_, err = c.Read(make([]byte, 1))
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestAClosedProxyHasResetItsConnectionsAndEndedItsGoroutines(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	p, err := chaos.NewProxy(l.Addr().String(), chaos.Every(chaos.Step{Fault: chaos.Stall{}}))
	require.NoError(t, err)
	var conns []net.Conn
	for range 10 {
		c, err := p.Dial()
		require.NoError(t, err)
		defer c.Close()
		write(t, c, "held")
		s, err := l.Accept()
		require.NoError(t, err)
		defer s.Close()
		conns = append(conns, c, s)
	}
	// A connection that the proxy is still dialling has no other side to reset.
	require.Eventually(t, func() bool { return len(p.Links()) == 10 }, soon, time.Millisecond)
	require.NoError(t, p.Close())
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	require.NotContains(t, string(stacks), "chaos.pump(")
	for _, c := range conns {
		require.NoError(t, c.SetDeadline(time.Now().Add(soon)))
		_, err := c.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
	_, err = p.Dial()
	require.Error(t, err)
}

func TestRandomCopiesThroughAProxyArriveAsTheyWere(t *testing.T) {
	profile := chaos.Harmless
	profile.Time = 200 * time.Millisecond
	profile.Bytes = 64 << 10
	for seed := range uint64(8) {
		script := chaos.Random(seed, profile)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			client, server, link := proxied(t, script...)
			copies(t, seed, 128<<10, client, server)
			s := link.Stats()
			require.Equal(t, s.Up.In, s.Up.Out)
			require.Equal(t, s.Down.In, s.Down.Out)
			if t.Failed() {
				t.Log(script)
			}
		})
	}
}

func TestALongCopyThroughAProxyArrivesAsItWas(t *testing.T) {
	client, server, _ := proxied(t)
	data := make([]byte, 8<<20)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	go func() {
		client.Write(data)
		client.CloseWrite()
	}()
	require.Equal(t, sha256.Sum256(data), sha256.Sum256([]byte(rest(t, server))))
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
