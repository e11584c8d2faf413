package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/harness"
)

// tcpEnds is a pair whose server echoes every call to "echo".
func tcpEnds(t *testing.T) (c, s geminio.End) {
	t.Helper()
	c, s = harness.Ends(t, harness.TCP, nil, nil)
	require.NoError(t, s.Register(harness.Context(t), "echo", harness.EchoRPC))
	return c, s
}

func register(t *testing.T, s geminio.Stream, method string, rpc geminio.RPC) {
	t.Helper()
	require.NoError(t, s.Register(harness.Context(t), method, rpc))
}

func call(t *testing.T, s geminio.Stream, method, data string) string {
	t.Helper()
	rsp, err := s.Call(harness.Context(t), method, s.NewRequest([]byte(data)))
	require.NoError(t, err)
	return string(rsp.Data())
}

func callErr(t *testing.T, s geminio.Stream, method string) error {
	t.Helper()
	rsp, err := s.Call(harness.Context(t), method, s.NewRequest(nil))
	require.Error(t, err)
	require.Nil(t, rsp, "an error comes with a response")
	return err
}

func TestBothSidesCallEachOtherAtOnce(t *testing.T) {
	for _, carrier := range harness.Carriers() {
		t.Run(carrier.Name, func(t *testing.T) {
			t.Parallel()
			c, s := harness.Ends(t, carrier, nil, nil)
			register(t, s, "server", harness.EchoRPC)
			register(t, c, "client", harness.EchoRPC)
			var wg sync.WaitGroup
			for i := range 50 {
				for _, side := range []struct {
					end    geminio.End
					method string
				}{{c, "server"}, {s, "client"}} {
					wg.Add(1)
					go func() {
						defer wg.Done()
						data := []byte(fmt.Sprint(side.method, i))
						rsp, err := side.end.Call(context.Background(), side.method, side.end.NewRequest(data))
						if err != nil || !bytes.Equal(data, rsp.Data()) {
							t.Error(side.method, i, err)
						}
					}()
				}
			}
			harness.Within(t, 2*harness.Soon, "the calls", wg.Wait)
		})
	}
}

func TestMethodsBelongToTheStreamTheyWereRegisteredOn(t *testing.T) {
	t.Parallel()
	c, s := tcpEnds(t)
	opened, accepted := harness.OpenPair(t, c, s)
	require.EqualError(t, callErr(t, opened, "echo"), "no such rpc: echo")
	register(t, accepted, "own", harness.EchoRPC)
	require.Equal(t, "x", call(t, opened, "own", "x"))
	require.EqualError(t, callErr(t, c, "own"), "no such rpc: own")

	require.NoError(t, s.Hijack(harness.Echo))
	require.EqualError(t, callErr(t, opened, "echo"), "no such rpc: echo")
	require.NoError(t, accepted.Hijack(harness.Echo))
	require.Equal(t, "y", call(t, opened, "anything", "y"))
}

func TestRegisterReturnsWhenThePeerHasBeenTold(t *testing.T) {
	t.Parallel()
	rec := &harness.Recorder{}
	release := make(chan struct{})
	rec.Registration = func(string, uint64, uint64) { <-release }
	sopts := harness.ServerOptions()
	sopts.SetDelegate(rec)
	c, s := harness.Ends(t, harness.TCP, nil, sopts)
	done := harness.Go(func() error { return c.Register(context.Background(), "m", harness.EchoRPC) })
	select {
	case err := <-done:
		t.Fatal("Register returned before the callback: ", err)
	case <-time.After(100 * time.Millisecond):
	}
	require.Equal(t, "x", call(t, s, "m", "x"), "the handler is not usable at once")
	close(release)
	require.NoError(t, harness.Get(t, done, "the end of Register"))
	e := rec.Of("RemoteRegistration")
	require.Len(t, e, 1)
	require.Equal(t, harness.Event{Name: "RemoteRegistration", Method: "m", ClientID: c.ClientID(), StreamID: 1}, e[0])

	opened, _ := harness.OpenPair(t, c, s)
	register(t, opened, "on a stream", harness.EchoRPC)
	e = rec.Of("RemoteRegistration")
	require.Len(t, e, 2)
	require.Equal(t, opened.StreamID(), e[1].StreamID)
}

func TestLastRegistrationOfAMethodWins(t *testing.T) {
	t.Parallel()
	c, s := tcpEnds(t)
	for _, v := range []string{"first", "second"} {
		register(t, s, "v", func(_ context.Context, _ geminio.Request, rsp geminio.Response) { rsp.SetData([]byte(v)) })
		require.Equal(t, v, call(t, c, "v", ""))
	}
}

func TestRegisterThatIsGivenUpRestoresWhatWasThere(t *testing.T) {
	t.Parallel()
	rec := &harness.Recorder{}
	release, once := make(chan struct{}), sync.Once{}
	var hold bool
	var mu sync.Mutex
	rec.Registration = func(string, uint64, uint64) {
		mu.Lock()
		wait := hold
		mu.Unlock()
		if wait {
			<-release
		}
	}
	sopts := harness.ServerOptions()
	sopts.SetDelegate(rec)
	c, s := harness.Ends(t, harness.TCP, nil, sopts)
	defer once.Do(func() { close(release) })
	answer := func(v string) geminio.RPC {
		return func(_ context.Context, _ geminio.Request, rsp geminio.Response) { rsp.SetData([]byte(v)) }
	}
	register(t, c, "m", answer("old"))
	mu.Lock()
	hold = true
	mu.Unlock()
	for _, method := range []string{"m", "n"} {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		err := c.Register(ctx, method, answer("new"))
		require.True(t, err == ctx.Err(), "%v is not the context's error", err)
		cancel()
	}
	require.Equal(t, "old", call(t, s, "m", ""))
	require.EqualError(t, callErr(t, s, "n"), "no such rpc: n")
	once.Do(func() { close(release) })
}

func TestARequestArrivesWhole(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	opened, accepted := harness.OpenPair(t, c, s)
	for _, pair := range [][2]geminio.Stream{{c, s}, {s, c}, {opened, accepted}, {accepted, opened}} {
		from, to := pair[0], pair[1]
		got := make(chan geminio.Request, 1)
		register(t, to, "look", func(ctx context.Context, req geminio.Request, rsp geminio.Response) {
			got <- req
			rsp.SetData([]byte("data"))
			rsp.SetCustom([]byte("custom"))
		})
		opts := options.NewRequest()
		opts.SetCustom([]byte("with it"))
		req := from.NewRequest([]byte("payload"), opts)
		req.SetTimeout(harness.Soon)
		require.NotZero(t, req.ID())
		rsp, err := from.Call(context.Background(), "look", req)
		require.NoError(t, err)
		r := harness.Get(t, got, "the request")
		require.Equal(t, "look", r.Method())
		require.Equal(t, "payload", string(r.Data()))
		require.Equal(t, "with it", string(r.Custom()))
		require.Equal(t, req.ID(), r.ID())
		require.Equal(t, c.ClientID(), r.ClientID())
		require.Equal(t, from.StreamID(), r.StreamID())
		require.InDelta(t, harness.Soon, r.Timeout(), float64(harness.Soon/2))

		require.Equal(t, "data", string(rsp.Data()))
		require.Equal(t, "custom", string(rsp.Custom()))
		require.Equal(t, "look", rsp.Method())
		require.Equal(t, req.ID(), rsp.ID())
		require.Equal(t, c.ClientID(), rsp.ClientID())
		require.Equal(t, from.StreamID(), rsp.StreamID())
		require.NoError(t, rsp.Error())
	}
}

func TestIDsSetInAHandlerDoNotMoveItsAnswer(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	register(t, s, "m", func(_ context.Context, req geminio.Request, rsp geminio.Response) {
		req.SetClientID(99)
		req.SetStreamID(98)
		rsp.SetClientID(97)
		rsp.SetStreamID(96)
		rsp.SetData([]byte("home"))
	})
	require.Equal(t, "home", call(t, c, "m", ""))
}

func TestHandlersErrorArrivesWithExactlyItsText(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	for _, text := range []string{"no", "", "two\nlines", "日本語", strings.Repeat("long ", 800)} {
		register(t, s, "fail", func(_ context.Context, _ geminio.Request, rsp geminio.Response) {
			rsp.SetData([]byte("not seen"))
			rsp.SetError(errors.New(text))
		})
		err := callErr(t, c, "fail")
		require.Equal(t, text, err.Error())
		var remote *geminio.RemoteError
		require.ErrorAs(t, err, &remote)
		require.EqualValues(t, packet.CodeError, remote.Code)
	}
	register(t, s, "fine", func(_ context.Context, _ geminio.Request, rsp geminio.Response) {
		rsp.SetError(nil)
		rsp.SetData([]byte("fine"))
	})
	require.Equal(t, "fine", call(t, c, "fine", ""))
}

func TestHandlersErrorTextOfAnyLengthDoesNotHurtTheConnection(t *testing.T) {
	t.Parallel()
	c, s := tcpEnds(t)
	long := strings.Repeat("é", 100_000)
	register(t, s, "fail", func(_ context.Context, _ geminio.Request, rsp geminio.Response) { rsp.SetError(errors.New(long)) })
	err := callErr(t, c, "fail")
	require.LessOrEqual(t, len(err.Error()), packet.MaxErrorText)
	require.True(t, strings.HasPrefix(long, err.Error()))
	require.Equal(t, "on", call(t, c, "echo", "on"))
}

func TestUnknownMethodIsNamed(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	require.EqualError(t, callErr(t, c, "nothing"), "no such rpc: nothing")
	require.EqualError(t, callErr(t, s, "nothing either"), "no such rpc: nothing either")
}

func TestPanicOfAHandlerIsTheCallersErrorAndNoOneElses(t *testing.T) {
	t.Parallel()
	c, s := tcpEnds(t)
	panics := func(v any) string {
		register(t, s, "panic", func(context.Context, geminio.Request, geminio.Response) { panic(v) })
		return callErr(t, c, "panic").Error()
	}
	require.Equal(t, "rpc handler panic: oh dear", panics("oh dear"))
	require.Equal(t, "rpc handler panic: as an error", panics(errors.New("as an error")))
	text := panics(strings.Repeat("x", 1000))
	require.True(t, strings.HasPrefix(text, "rpc handler panic: xxx"))
	require.LessOrEqual(t, len(text), 256)
	register(t, s, "exit", func(context.Context, geminio.Request, geminio.Response) { runtime.Goexit() })
	callErr(t, c, "exit")
	require.Equal(t, "on", call(t, c, "echo", "on"))
}

func TestRequestOfAnotherEndOrStreamIsRefused(t *testing.T) {
	t.Parallel()
	c, s := tcpEnds(t)
	other, _ := tcpEnds(t)
	opened, accepted := harness.OpenPair(t, c, s)
	require.NoError(t, accepted.Hijack(harness.Echo))
	_, err := c.Call(harness.Context(t), "echo", other.NewRequest(nil))
	require.EqualError(t, err, "mismatch clientID")
	_, err = c.Call(harness.Context(t), "echo", opened.NewRequest(nil))
	require.EqualError(t, err, "mismatch streamID")
	req := opened.NewRequest(nil)
	req.SetStreamID(1)
	_, err = c.Call(harness.Context(t), "echo", req)
	require.NoError(t, err)
	req.SetClientID(c.ClientID() + 1)
	_, err = c.Call(harness.Context(t), "echo", req)
	require.EqualError(t, err, "mismatch clientID")
}

func TestOneRequestServesManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	var together sync.WaitGroup
	together.Add(20)
	register(t, s, "meet", func(_ context.Context, req geminio.Request, rsp geminio.Response) {
		together.Done()
		together.Wait()
		rsp.SetData(req.Data())
	})
	req := c.NewRequest([]byte("same"))
	var wg sync.WaitGroup
	for range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			rsp, err := c.Call(context.Background(), "meet", req)
			if err != nil || string(rsp.Data()) != "same" {
				t.Error(err)
			}
		}()
	}
	harness.Within(t, harness.Soon, "the calls", wg.Wait)
}

// bareRequest has the methods of the interface and nothing of the library.
type bareRequest struct{ geminio.Request }

func TestAnyImplementationOfRequestIsTaken(t *testing.T) {
	t.Parallel()
	c, _ := tcpEnds(t)
	rsp, err := c.Call(harness.Context(t), "echo", bareRequest{c.NewRequest([]byte("bare"))})
	require.NoError(t, err)
	require.Equal(t, "bare", string(rsp.Data()))
}

func TestTimeoutOfACall(t *testing.T) {
	t.Parallel()
	c, s := tcpEnds(t)
	ended := make(chan error, 4)
	register(t, s, "wait", func(ctx context.Context, _ geminio.Request, _ geminio.Response) {
		_, ok := ctx.Deadline()
		if !ok {
			t.Error("the handler has no deadline")
		}
		<-ctx.Done()
		ended <- ctx.Err()
		<-t.Context().Done() // it has no answer that could come in time
	})
	byOption := options.Call()
	byOption.SetTimeout(50 * time.Millisecond)
	_, err := c.Call(context.Background(), "wait", c.NewRequest(nil), byOption)
	requireTimeout(t, err)
	harness.Get(t, ended, "the end of the handler")

	req := c.NewRequest(nil)
	req.SetTimeout(50 * time.Millisecond)
	_, err = c.Call(context.Background(), "wait", req)
	requireTimeout(t, err)
	harness.Get(t, ended, "the end of the handler")

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = c.Call(ctx, "wait", c.NewRequest(nil))
	require.True(t, err == context.DeadlineExceeded, "%v", err)
	harness.Get(t, ended, "the end of the handler")
	require.Equal(t, "on", call(t, c, "echo", "on"))
}

func requireTimeout(t *testing.T, err error) {
	t.Helper()
	require.EqualError(t, err, "timeout")
	require.ErrorIs(t, err, geminio.ErrTimeout)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var ne net.Error
	require.ErrorAs(t, err, &ne)
	require.True(t, ne.Timeout())
}

func TestContextOfACall(t *testing.T) {
	t.Parallel()
	c, s := tcpEnds(t)
	started, ended := make(chan struct{}, 2), make(chan error, 2)
	register(t, s, "wait", func(ctx context.Context, _ geminio.Request, _ geminio.Response) {
		started <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := harness.Go(func() error {
		_, err := c.Call(ctx, "wait", c.NewRequest(nil))
		return err
	})
	harness.Get(t, started, "the handler")
	cancel()
	err := harness.Get(t, done, "the end of the call")
	require.True(t, err == context.Canceled, "%v", err)
	require.ErrorIs(t, harness.Get(t, ended, "the end of the handler"), context.Canceled)

	_, err = c.Call(ctx, "echo", c.NewRequest(nil))
	require.True(t, err == context.Canceled, "a context that ended before: %v", err)
}
