package harness

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
)

// Soon is how long something may take that has no reason to take long, on a
// machine that is busy.
const Soon = 5 * time.Second

// Echo answers every request with its own data and custom.
func Echo(_ context.Context, _ string, req geminio.Request, rsp geminio.Response) {
	rsp.SetData(req.Data())
	rsp.SetCustom(req.Custom())
}

// EchoRPC is Echo as an RPC.
func EchoRPC(ctx context.Context, req geminio.Request, rsp geminio.Response) {
	Echo(ctx, "", req, rsp)
}

// Context returns a context that ends after Soon, or with the test.
func Context(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Soon)
	tb.Cleanup(cancel)
	return ctx
}

// Within runs f and fails the test when it does not return in time.
func Within(tb testing.TB, d time.Duration, what string, f func()) {
	tb.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	WaitFor(tb, done, d, what)
}

// WaitFor waits for done to be closed.
func WaitFor(tb testing.TB, done <-chan struct{}, d time.Duration, what string) {
	tb.Helper()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		buf := make([]byte, 1<<20)
		buf = buf[:runtime.Stack(buf, true)]
		require.Failf(tb, "not in time", "%s took more than %v\n%s", what, d, buf)
	}
}

// Get waits for a value.
func Get[T any](tb testing.TB, ch <-chan T, what string) T {
	tb.Helper()
	t := time.NewTimer(Soon)
	defer t.Stop()
	select {
	case v := <-ch:
		return v
	case <-t.C:
		buf := make([]byte, 1<<20)
		buf = buf[:runtime.Stack(buf, true)]
		require.Failf(tb, "not in time", "%s did not come\n%s", what, buf)
	}
	panic("not reached")
}

// Go runs f and returns where its error will be.
func Go(f func() error) <-chan error {
	ch := make(chan error, 1)
	go func() { ch <- f() }()
	return ch
}

// Read reads what arrives within Soon, at most n bytes.
func Read(tb testing.TB, c net.Conn, n int) []byte {
	tb.Helper()
	require.NoError(tb, c.SetReadDeadline(time.Now().Add(Soon)))
	buf := make([]byte, n)
	n, err := c.Read(buf)
	require.NoError(tb, err)
	require.NoError(tb, c.SetReadDeadline(time.Time{}))
	return buf[:n]
}

// Exchange writes to a and reads it from b.
func Exchange(tb testing.TB, a, b net.Conn, text string) {
	tb.Helper()
	_, err := a.Write([]byte(text))
	require.NoError(tb, err)
	require.NoError(tb, b.SetReadDeadline(time.Now().Add(Soon)))
	buf := make([]byte, len(text))
	_, err = io.ReadFull(b, buf)
	require.NoError(tb, err)
	require.NoError(tb, b.SetReadDeadline(time.Time{}))
	require.Equal(tb, text, string(buf))
}

// Fill writes to c, which nobody reads, until it has been full for a while,
// and returns how much was taken.
func Fill(tb testing.TB, c net.Conn) (n int) {
	tb.Helper()
	block := bytes.Repeat([]byte("x"), 32<<10)
	for {
		require.NoError(tb, c.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
		m, err := c.Write(block)
		n += m
		if err != nil {
			var ne net.Error
			require.ErrorAs(tb, err, &ne)
			require.True(tb, ne.Timeout())
			require.NoError(tb, c.SetWriteDeadline(time.Time{}))
			return n
		}
		require.Less(tb, n, 256<<20, "nothing stops the writer")
	}
}

// Pattern returns n bytes that no shift of themselves equals.
func Pattern(n int) []byte {
	b := make([]byte, n)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

// Goroutines returns how many goroutines run code of this module's library,
// and their stacks.
func Goroutines() (n int, stacks string) {
	buf := make([]byte, 1<<20)
	for {
		m := runtime.Stack(buf, true)
		if m < len(buf) {
			buf = buf[:m]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	var found []string
	for _, g := range strings.Split(string(buf), "\n\n") {
		for _, layer := range []string{"conn", "multiplexer", "application", "client", "server", "pkg/"} {
			if strings.Contains(g, "github.com/singchia/geminio/"+layer) {
				found = append(found, g)
				break
			}
		}
	}
	return len(found), strings.Join(found, "\n\n")
}

// Eventually waits until f returns nil.
func Eventually(tb testing.TB, f func() error) {
	tb.Helper()
	deadline := time.NewTimer(Soon)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			require.NoError(tb, fmt.Errorf("after %v: %w", Soon, err))
			return
		}
	}
}
