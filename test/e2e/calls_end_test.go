package e2e

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/harness"
)

// blocked registers a method that says when its context ends, and returns with
// the test: no answer of its can come in time.
func blocked(t *testing.T, s geminio.Stream) (started chan struct{}, ended chan error) {
	started, ended = make(chan struct{}, 100), make(chan error, 100)
	register(t, s, "wait", func(ctx context.Context, _ geminio.Request, _ geminio.Response) {
		started <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		<-t.Context().Done()
	})
	return started, ended
}

func TestHandlersContextEndsWithItsStreamAndConnection(t *testing.T) {
	t.Parallel()
	ends := map[string]func(c, s geminio.End, opened, accepted geminio.Stream, cut func()){
		"caller closes the stream":  func(_, _ geminio.End, opened, _ geminio.Stream, _ func()) { opened.Close() },
		"handler closes the stream": func(_, _ geminio.End, _, accepted geminio.Stream, _ func()) { accepted.Close() },
		"caller closes the End":     func(c, _ geminio.End, _, _ geminio.Stream, _ func()) { c.Close() },
		"handler closes the End":    func(_, s geminio.End, _, _ geminio.Stream, _ func()) { s.Close() },
		"connection lost":           func(_, _ geminio.End, _, _ geminio.Stream, cut func()) { cut() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s, cut := harness.Lossy(t, nil, nil)
			opened, accepted := harness.OpenPair(t, c, s)
			started, ended := blocked(t, accepted)
			done := harness.Go(func() error {
				_, err := opened.Call(context.Background(), "wait", opened.NewRequest(nil))
				return err
			})
			harness.Get(t, started, "the handler")
			end(c, s, opened, accepted, cut)
			var ce *geminio.CallError
			err := harness.Get(t, done, "the end of the call")
			require.ErrorAs(t, err, &ce)
			require.True(t, ce.MaybeExecuted, "it did run")
			require.NotErrorIs(t, err, io.EOF)
			require.Error(t, harness.Get(t, ended, "the end of the handler"))
		})
	}
}

func TestCallAsyncDeliversTheSameCallOnce(t *testing.T) {
	t.Parallel()
	c, s := tcpEnds(t)
	ch := make(chan *geminio.Call, 10)
	req := c.NewRequest([]byte("async"))
	made, err := c.CallAsync(context.Background(), "echo", req, ch)
	require.NoError(t, err)
	got := harness.Get(t, ch, "the call")
	require.True(t, made == got)
	require.NoError(t, got.Error)
	require.Equal(t, "async", string(got.Response.Data()))
	require.Equal(t, "echo", got.Method)
	require.True(t, got.Request == req)
	require.True(t, got.Done == ch)

	own, err := c.CallAsync(context.Background(), "nothing", c.NewRequest(nil), nil)
	require.NoError(t, err)
	require.Equal(t, 1, cap(own.Done))
	require.True(t, own == harness.Get(t, own.Done, "the call"))
	require.EqualError(t, own.Error, "no such rpc: nothing")
	require.Nil(t, own.Response)

	started, ended := blocked(t, s)
	opts := options.Call()
	opts.SetTimeout(50 * time.Millisecond)
	_, err = c.CallAsync(context.Background(), "wait", c.NewRequest(nil), ch, opts)
	require.NoError(t, err)
	harness.Get(t, started, "the handler")
	requireTimeout(t, harness.Get(t, ch, "the call").Error)
	harness.Get(t, ended, "the handler's end")

	ctx, cancel := context.WithCancel(context.Background())
	_, err = c.CallAsync(ctx, "wait", c.NewRequest(nil), ch)
	require.NoError(t, err)
	harness.Get(t, started, "the handler")
	cancel()
	require.True(t, harness.Get(t, ch, "the call").Error == context.Canceled)
	harness.Get(t, ended, "the handler's end")

	_, err = c.CallAsync(context.Background(), "wait", c.NewRequest(nil), ch)
	require.NoError(t, err)
	harness.Get(t, started, "the handler")
	require.NoError(t, s.Close())
	var ce *geminio.CallError
	require.ErrorAs(t, harness.Get(t, ch, "the call").Error, &ce)
	require.Empty(t, ch, "something was delivered twice")
}

func TestChannelThatNobodyReadsStopsNothing(t *testing.T) {
	t.Parallel()
	c, _ := tcpEnds(t)
	for _, ch := range []chan *geminio.Call{make(chan *geminio.Call), make(chan *geminio.Call, 1)} {
		var made []*geminio.Call
		for range 10 {
			one, err := c.CallAsync(context.Background(), "echo", c.NewRequest(nil), ch)
			require.NoError(t, err)
			made = append(made, one)
			require.Equal(t, "on", call(t, c, "echo", "on"))
		}
		var got []*geminio.Call
		for range made {
			got = append(got, harness.Get(t, ch, "a call"))
		}
		require.ElementsMatch(t, made, got)
	}
}

func TestDataMayBeChangedOnceTheCallIsMade(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	shared := make([]byte, 20_000)
	register(t, s, "copy", func(_ context.Context, req geminio.Request, rsp geminio.Response) {
		rsp.SetData(req.Data())
	})
	register(t, s, "reuse", func(_ context.Context, req geminio.Request, rsp geminio.Response) {
		shared[0]++
		rsp.SetData(shared)
	})
	ch := make(chan *geminio.Call, 100)
	for _, size := range []int{10, 20_000, 200_000, 3 << 20} {
		data := bytes.Repeat([]byte("a"), size)
		_, err := c.CallAsync(context.Background(), "copy", c.NewRequest(data), ch)
		require.NoError(t, err)
		clear(data)
		got := harness.Get(t, ch, "the call")
		require.NoError(t, got.Error)
		require.Equal(t, size, bytes.Count(got.Response.Data(), []byte("a")))
	}
	var kept [][]byte
	for range 10 {
		rsp, err := c.Call(harness.Context(t), "reuse", c.NewRequest(nil))
		require.NoError(t, err)
		kept = append(kept, rsp.Data())
	}
	for i, b := range kept {
		require.EqualValues(t, i+1, b[0], "the answer changed later")
	}
}

func TestReceivedSlicesBelongToTheReceiver(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	register(t, s, "grow", func(_ context.Context, req geminio.Request, rsp geminio.Response) {
		custom := append(req.Custom(), " and a long tail that would run over whatever lies behind"...)
		rsp.SetData(req.Data())
		rsp.SetCustom(custom)
	})
	for _, size := range []int{1, 100, 70_000, 2 << 20} {
		data := harness.Pattern(size)
		req := c.NewRequest(data)
		req.SetCustom([]byte("custom"))
		rsp, err := c.Call(harness.Context(t), "grow", req)
		require.NoError(t, err)
		custom := append(rsp.Custom(), bytes.Repeat([]byte("!"), 100)...)
		require.True(t, bytes.Equal(data, rsp.Data()), "an append reached the data")
		require.True(t, bytes.HasPrefix(custom, []byte("custom and a long tail")))
	}
}

func TestBodiesUpToTheLimitGoAndLargerOnesHurtNobody(t *testing.T) {
	t.Parallel()
	c, s := tcpEnds(t)
	const limit = packet.MaxDecodablePacketLen
	data := harness.Pattern(limit + 1)
	for _, size := range []int{64 << 10, 64<<10 + 1, 1 << 20, 1<<20 + 1, limit} {
		rsp, err := c.Call(context.Background(), "echo", c.NewRequest(data[:size]))
		require.NoError(t, err, size)
		require.True(t, bytes.Equal(data[:size], rsp.Data()), size)
	}
	_, err := c.Call(harness.Context(t), "echo", c.NewRequest(data))
	require.ErrorIs(t, err, packet.ErrPacketTooLarge)
	_, err = c.CallAsync(harness.Context(t), "echo", c.NewRequest(data), nil)
	require.ErrorIs(t, err, packet.ErrPacketTooLarge)
	req := c.NewRequest(data[:limit])
	req.SetCustom([]byte("1"))
	_, err = c.Call(harness.Context(t), "echo", req)
	require.ErrorIs(t, err, packet.ErrPacketTooLarge)

	register(t, s, "much", func(_ context.Context, _ geminio.Request, rsp geminio.Response) { rsp.SetData(data) })
	callErr(t, c, "much")
	require.Equal(t, "on", call(t, c, "echo", "on"))
}

func TestManyLargeCallsAtOnceAllEnd(t *testing.T) {
	t.Parallel()
	c, _ := tcpEnds(t)
	data := harness.Pattern(9 << 20)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rsp, err := c.Call(context.Background(), "echo", c.NewRequest(data[:(i%2+1)*(4<<20)]))
			if err != nil || len(rsp.Data()) != (i%2+1)*(4<<20) {
				t.Error(err)
			}
		}()
	}
	harness.Within(t, 30*time.Second, "the calls", wg.Wait)
}

func TestACallIsExecutedOnce(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	started, ended := blocked(t, s)
	for range 5 {
		ctx, cancel := context.WithCancel(context.Background())
		made, err := c.CallAsync(ctx, "wait", c.NewRequest(nil), nil)
		require.NoError(t, err)
		harness.Get(t, started, "the handler")
		cancel()
		require.Error(t, harness.Get(t, made.Done, "the call").Error)
		harness.Get(t, ended, "the handler's end")
	}
	register(t, s, "echo", harness.EchoRPC)
	for range 5 {
		call(t, c, "echo", "")
	}
	require.Empty(t, started, "a call was executed again")
}

func TestHijackTakesWhatItsPatternSays(t *testing.T) {
	t.Parallel()
	c, s := tcpEnds(t)
	taken := func(_ context.Context, method string, req geminio.Request, rsp geminio.Response) {
		rsp.SetData([]byte("hijacked " + method + "/" + req.Method()))
	}
	match := func(match bool, pattern string) *options.HijackOptions {
		opts := options.Hijack()
		opts.SetMatch(match, pattern)
		return opts
	}
	require.NoError(t, s.Hijack(taken))
	require.Equal(t, "hijacked echo/echo", call(t, c, "echo", "x"), "hijack goes before register")
	require.Equal(t, "hijacked other/other", call(t, c, "other", "x"))

	require.NoError(t, s.Hijack(taken, match(true, "ch")))
	require.Equal(t, "hijacked echo/echo", call(t, c, "echo", "x"), "patterns are not anchored")
	require.EqualError(t, callErr(t, c, "other"), "no such rpc: other")

	require.NoError(t, s.Hijack(taken, match(false, "^echo$")))
	require.Equal(t, "x", call(t, c, "echo", "x"))
	require.Equal(t, "hijacked other/other", call(t, c, "other", "x"))

	require.Error(t, s.Hijack(taken, match(true, "(")))
	require.Equal(t, "hijacked other/other", call(t, c, "other", "x"), "a bad pattern changed something")
}

func TestRemoteCheckRefusesWhatThePeerHasNotRegistered(t *testing.T) {
	t.Parallel()
	copts := harness.ClientOptions()
	copts.SetRemoteRPCCheck()
	c, s := harness.Ends(t, harness.TCP, copts, nil)
	require.NoError(t, s.Hijack(harness.Echo))
	require.EqualError(t, callErr(t, c, "echo"), "remote rpc unregistered")
	_, err := c.CallAsync(harness.Context(t), "echo", c.NewRequest(nil), nil)
	require.EqualError(t, err, "remote rpc unregistered")
	register(t, s, "echo", harness.EchoRPC)
	require.Equal(t, "x", call(t, c, "echo", "x"))
	opened, _ := harness.OpenPair(t, c, s)
	require.EqualError(t, callErr(t, opened, "echo"), "remote rpc unregistered")
	require.NoError(t, c.Close())
	_, err = c.Receive(harness.Context(t))
	require.True(t, err == io.EOF, "%v", err)
}

func TestCallThatCannotStartIsAnsweredBusy(t *testing.T) {
	t.Parallel()
	sopts := harness.ServerOptions()
	sopts.SetLimits(options.Limits{MaxRunningCalls: 2, MaxWaitingCalls: 2})
	c, s := harness.Ends(t, harness.TCP, nil, sopts)
	started := make(chan struct{}, 4)
	register(t, s, "wait", func(ctx context.Context, _ geminio.Request, _ geminio.Response) {
		started <- struct{}{}
		<-ctx.Done()
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	results := make(chan error, 4)
	start := time.Now()
	for range 4 {
		go func() {
			_, err := c.Call(ctx, "wait", c.NewRequest(nil))
			results <- err
		}()
	}
	harness.Get(t, started, "a handler")
	harness.Get(t, started, "a handler")
	for range 2 {
		select {
		case err := <-results:
			require.ErrorIs(t, err, geminio.ErrBusy)
			require.GreaterOrEqual(t, time.Since(start), 4*time.Second)
		case <-time.After(10 * time.Second):
			require.Fail(t, "nobody says busy")
		}
	}
	require.Empty(t, started, "too many handlers run")
	cancel()
	for range 2 {
		require.ErrorIs(t, harness.Get(t, results, "a call"), context.Canceled)
	}
	register(t, s, "echo", harness.EchoRPC)
	require.Equal(t, "on", call(t, c, "echo", "on"))
}

func TestCallsBeyondTheLimitWaitAndAreServed(t *testing.T) {
	t.Parallel()
	sopts := harness.ServerOptions()
	sopts.SetLimits(options.Limits{MaxRunningCalls: 4, MaxWaitingCalls: 4})
	c, s := harness.Ends(t, harness.TCP, nil, sopts)
	var running, most atomic.Int64
	register(t, s, "m", func(context.Context, geminio.Request, geminio.Response) {
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		runtime.Gosched()
		running.Add(-1)
	})
	var wg sync.WaitGroup
	for range 200 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, err := c.Call(context.Background(), "m", c.NewRequest(make([]byte, 100)))
			assertNil(t, err)
		}()
	}
	harness.Within(t, 2*harness.Soon, "the calls", wg.Wait)
	require.LessOrEqual(t, most.Load(), int64(4))
}

func TestTooManyRegistrationsAreRefused(t *testing.T) {
	t.Parallel()
	sopts := harness.ServerOptions()
	sopts.SetLimits(options.Limits{MaxRegistrations: 2})
	c, s := harness.Ends(t, harness.TCP, nil, sopts)
	register(t, c, "a", harness.EchoRPC)
	register(t, c, "b", harness.EchoRPC)
	require.ErrorIs(t, c.Register(harness.Context(t), "c", harness.EchoRPC), geminio.ErrTooManyRegistrations)
	register(t, c, "a", harness.EchoRPC)
	require.Equal(t, "x", call(t, s, "b", "x"))
	require.EqualError(t, callErr(t, s, "c"), "no such rpc: c")
}
