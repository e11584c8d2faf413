package application

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

// serve registers a method without asking the peer.
func (p *script) serve(method string, rpc geminio.RPC) {
	p.Helper()
	done := make(chan error, 1)
	go func() { done <- p.e.Register(background, method, rpc) }()
	f := p.next(packet.TypeRegister)
	r, err := packet.ParseRegister(f.payload)
	require.NoError(p, err)
	p.must(packet.TypeRegisterAck, 0, 1, packet.AppendRegisterAck(nil, r.ID, packet.CodeOK, ""))
	require.NoError(p, get(p, done))
}

func echo(_ context.Context, req geminio.Request, rsp geminio.Response) {
	rsp.SetData(req.Data())
	rsp.SetCustom(req.Custom())
}

func TestHandlerGetsWhatTheCallerSet(t *testing.T) {
	p := play(t)
	got := make(chan geminio.Request, 1)
	p.serve("m", func(ctx context.Context, req geminio.Request, rsp geminio.Response) {
		deadline, ok := ctx.Deadline()
		assert.True(t, ok)
		assert.InDelta(t, time.Minute, time.Until(deadline), float64(10*time.Second))
		req.SetClientID(1)
		rsp.SetClientID(2)
		rsp.SetStreamID(3) // has no effect on the answer
		echo(ctx, req, rsp)
		got <- req
	})
	fields := packet.AppendRequest(nil, packet.RequestFields{ID: 9, RequestID: 10, TimeoutMS: 60000, CustomLen: 2, DataLen: 3}, "m")
	p.must(packet.TypeRequest, 0, 1, append(fields, "cuabc"...))
	req := get(t, got)
	assert.Equal(t, "m", req.Method())
	assert.Equal(t, uint64(10), req.ID())
	assert.Equal(t, uint64(1), req.StreamID())
	assert.Equal(t, time.Minute, req.Timeout())
	assert.Equal(t, 2, cap(req.Custom()))
	assert.Equal(t, 3, cap(req.Data()))
	rsp := p.nextResponse()
	assert.Equal(t, uint64(9), rsp.ID)
	assert.Equal(t, "abc", string(rsp.Data))
	assert.Equal(t, "cu", string(rsp.Custom))
	assert.Equal(t, packet.CodeOK, rsp.Code)
}

func TestHandlersEndBecomesTheAnswer(t *testing.T) {
	long := strings.Repeat("é", 3000)
	for name, test := range map[string]struct {
		rpc  geminio.RPC
		code packet.Code
		text string
	}{
		"error":       {func(_ context.Context, _ geminio.Request, r geminio.Response) { r.SetError(errors.New("words")) }, packet.CodeError, "words"},
		"empty error": {func(_ context.Context, _ geminio.Request, r geminio.Response) { r.SetError(errors.New("")) }, packet.CodeError, ""},
		"nil error":   {func(_ context.Context, _ geminio.Request, r geminio.Response) { r.SetError(nil) }, packet.CodeOK, ""},
		"long error":  {func(_ context.Context, _ geminio.Request, r geminio.Response) { r.SetError(errors.New(long)) }, packet.CodeError, long[:4096]},
		"panic":       {func(context.Context, geminio.Request, geminio.Response) { panic("oops") }, packet.CodePanic, "rpc handler panic: oops"},
		"long panic":  {func(context.Context, geminio.Request, geminio.Response) { panic(strings.Repeat("p", 999)) }, packet.CodePanic, "rpc handler panic: " + strings.Repeat("p", 256-19)},
		"goexit":      {func(context.Context, geminio.Request, geminio.Response) { runtime.Goexit() }, packet.CodePanic, "rpc handler panic: runtime.Goexit called"},
		"too large":   {func(_ context.Context, _ geminio.Request, r geminio.Response) { r.SetData(make([]byte, 1<<20+1)) }, packet.CodeTooLarge, "packet payload too large"},
		"no method":   {nil, packet.CodeNoSuchMethod, "no such rpc: m"},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			if test.rpc != nil {
				p.serve("m", test.rpc)
			}
			p.request(1, 1, "m", []byte("x"))
			rsp := p.nextResponse()
			assert.Equal(t, test.code, rsp.Code)
			assert.Equal(t, test.text, string(rsp.Text))
			assert.Empty(t, rsp.Data)

			p.serve("after", echo)
			p.request(1, 2, "after", []byte("x"))
			assert.Equal(t, "x", string(p.nextResponse().Data), "the End lives on")
		})
	}
}

func TestMethodsBelongToTheirStream(t *testing.T) {
	p := play(t)
	p.serve("m", echo)
	p.open(2)
	p.next(packet.TypeOpened)
	p.request(2, 1, "m", nil)
	assert.Equal(t, "no such rpc: m", string(p.nextResponse().Text))
}

func TestHijackTakesWhatItsPatternChooses(t *testing.T) {
	for name, test := range map[string]struct {
		opts  []*options.HijackOptions
		taken []string
	}{
		"all":      {nil, []string{"abc", "xyz"}},
		"match":    {[]*options.HijackOptions{match(true, "b")}, []string{"abc"}},
		"no match": {[]*options.HijackOptions{match(false, "b")}, []string{"xyz"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			p.serve("abc", echo)
			p.serve("xyz", echo)
			require.NoError(t, p.e.Hijack(func(_ context.Context, _ string, _ geminio.Request, rsp geminio.Response) {
				rsp.SetError(errors.New("replaced by the next"))
			}))
			require.NoError(t, p.e.Hijack(func(_ context.Context, method string, _ geminio.Request, rsp geminio.Response) {
				rsp.SetData([]byte("hijacked " + method))
			}, test.opts...))
			for i, method := range []string{"abc", "xyz"} {
				p.request(1, uint64(i+1), method, []byte("echo"))
				want := "echo"
				for _, taken := range test.taken {
					if taken == method {
						want = "hijacked " + method
					}
				}
				assert.Equal(t, want, string(p.nextResponse().Data), method)
			}
		})
	}
	p := play(t)
	assert.Error(t, p.e.Hijack(nil, match(true, "(")))
}

func match(match bool, pattern string) *options.HijackOptions {
	opt := options.Hijack()
	opt.SetMatch(match, pattern)
	return opt
}

func TestHandlersContextEndsWithItsCaller(t *testing.T) {
	for name, end := range map[string]func(*script){
		"cancel": func(p *script) {
			p.must(packet.TypeCancel, 0, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyRequest, ID: 1}))
		},
		"loss":  func(p *script) { p.lose() },
		"close": func(p *script) { p.e.mux.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			errs := make(chan error, 2)
			p.serve("m", func(ctx context.Context, _ geminio.Request, rsp geminio.Response) {
				derived, cancel := context.WithCancel(ctx)
				defer cancel()
				errs <- nil
				<-derived.Done()
				errs <- ctx.Err()
			})
			p.request(1, 1, "m", nil)
			get(t, errs)
			end(p)
			assert.Equal(t, context.Canceled, get(t, errs))
			p.until("a handler that has left", func() bool {
				p.e.queue.mu.Lock()
				defer p.e.queue.mu.Unlock()
				return p.e.queue.returned == 1
			})
			for {
				f, ok := p.poll()
				if !ok {
					break
				}
				assert.NotEqual(t, packet.TypeResponse, f.header.Type, "nobody waits for an answer")
			}
		})
	}
}

func TestHandlersContextEndsWhenItHasReturned(t *testing.T) {
	p := play(t)
	contexts := make(chan context.Context, 1)
	p.serve("m", func(ctx context.Context, _ geminio.Request, rsp geminio.Response) { contexts <- ctx })
	p.request(1, 1, "m", nil)
	ctx := get(t, contexts)
	<-ctx.Done()
	assert.Equal(t, context.Canceled, ctx.Err())
}

func TestRequestsBeyondThoseThatRunWaitInOrder(t *testing.T) {
	p := play(t)
	var running, most atomic.Int32
	started := make(chan string, 6)
	release := make(chan struct{})
	p.serve("m", func(_ context.Context, req geminio.Request, _ geminio.Response) {
		n := running.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		started <- string(req.Data())
		<-release
		running.Add(-1)
	})
	for i := range 6 {
		p.request(1, uint64(i+1), "m", []byte{byte('0' + i)})
	}
	for range 4 {
		get(t, started)
	}
	none(t, started)
	assert.ErrorIs(t, p.send(packet.TypeRequest, 0, 1, packet.AppendRequest(nil, packet.RequestFields{ID: 7}, "m")), errTooManyRequests)
	release <- struct{}{}
	assert.Equal(t, "4", get(t, started))
	release <- struct{}{}
	assert.Equal(t, "5", get(t, started))
	close(release)
	for range 6 {
		for {
			f, ok := p.poll()
			if ok && f.header.Type == packet.TypeResponse {
				break
			}
			if !ok {
				p.until("news", func() bool { p.c.mu.Lock(); defer p.c.mu.Unlock(); return len(p.c.frames) > 0 })
			}
		}
	}
	assert.Equal(t, int32(4), most.Load())
}

func TestCreditOfARequestReturnsWhenItsHandlerHas(t *testing.T) {
	p := play(t)
	release := make(chan struct{})
	p.serve("m", func(context.Context, geminio.Request, geminio.Response) { <-release })
	for i := range 3 {
		p.request(1, uint64(i+1), "m", nil)
		p.must(packet.TypeCancel, 0, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyRequest, ID: uint64(i + 1)}))
	}
	p.silent()
	close(release)
	c, err := packet.ParseCreditCall(p.next(packet.TypeCreditCall).payload)
	require.NoError(t, err)
	assert.Equal(t, uint64(9), c.Requests, "half is used up")
	p.silent()

	p.request(1, 4, "m", nil)
	p.next(packet.TypeResponse)
	p.silent()
	p.must(packet.TypeBlocked, 0, 0, packet.AppendBlocked(nil, packet.Blocked{What: packet.BlockedRequests, At: 6}))
	p.silent() // that limit is not the newest
	p.must(packet.TypeBlocked, 0, 0, packet.AppendBlocked(nil, packet.Blocked{What: packet.BlockedRequests, At: 9}))
	c, err = packet.ParseCreditCall(p.next(packet.TypeCreditCall).payload)
	require.NoError(t, err)
	assert.Equal(t, uint64(10), c.Requests)
}

func TestLargeRequestRunsWhenItIsComplete(t *testing.T) {
	for name, size := range map[string]int{"within the window": 100 << 10, "granted": 200 << 10} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			p.serve("m", echo)
			data := strings.Repeat("z", size)
			head := packet.BodyHead{Kind: packet.BodyRequest, ID: 1}
			p.must(packet.TypeRequest, packet.FlagMORE, 1, packet.AppendRequest(nil, packet.RequestFields{ID: 1, DataLen: uint32(size)}, "m"))
			if size > 128<<10 {
				assert.Equal(t, uint64(0), p.e.queue.requestBytes.Limit()-128<<10)
				p.next(packet.TypeGrant)
			}
			require.NoError(t, p.body(1, head, []byte(data)))
			f := p.next(packet.TypeResponse)
			if size > 128<<10 {
				assert.Equal(t, packet.FlagMORE, f.header.Flags)
				p.silent()
				p.must(packet.TypeGrant, 0, 1, packet.AppendGrant(nil, packet.Grant{Kind: packet.BodyResponse, ID: 1}))
			}
			assert.Equal(t, data, p.collect(packet.BodyHead{Kind: packet.BodyResponse, ID: 1}))
			assert.Equal(t, 1<<20, p.e.callMemory.left)
			assert.Zero(t, p.e.queue.requestBytes.Unread())
		})
	}
}

func TestGrantsAreGivenInOrderAndWhole(t *testing.T) {
	p := play(t)
	p.serve("m", echo)
	announce := func(id uint64, size int) {
		p.must(packet.TypeRequest, packet.FlagMORE, 1, packet.AppendRequest(nil, packet.RequestFields{ID: id, DataLen: uint32(size)}, "m"))
	}
	grant := func() uint64 {
		g, err := packet.ParseGrant(p.next(packet.TypeGrant).payload)
		require.NoError(t, err)
		return g.ID
	}
	announce(1, 700<<10)
	announce(2, 700<<10)
	announce(3, 200<<10) // would fit, but 2 came first
	assert.Equal(t, uint64(1), grant())
	p.silent()
	p.must(packet.TypeCancel, 0, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyRequest, ID: 1}))
	assert.Equal(t, uint64(2), grant())
	assert.Equal(t, uint64(3), grant())
	p.must(packet.TypeCancel, 0, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyRequest, ID: 2}))
	p.lose()
	assert.Equal(t, 1<<20, p.e.callMemory.left)
	assert.Equal(t, uint64(3), p.e.queue.returned)
}

func TestRequestsThatBreakARuleEndTheConnection(t *testing.T) {
	p := play(t)
	release := make(chan struct{})
	p.serve("m", func(context.Context, geminio.Request, geminio.Response) { <-release })
	t.Cleanup(func() { close(release) })
	p.request(1, 1, "m", nil)
	send := func(flags packet.Flags, f packet.RequestFields, name string, content int) error {
		return p.send(packet.TypeRequest, flags, 1, append(packet.AppendRequest(nil, f, name), make([]byte, content)...))
	}
	assert.ErrorIs(t, send(0, packet.RequestFields{ID: 1}, "m", 0), errDuplicateID)
	assert.ErrorIs(t, send(0, packet.RequestFields{ID: 2, Method: 5}, "", 0), errUnknownMethodIndex)
	assert.ErrorIs(t, send(packet.FlagMORE, packet.RequestFields{ID: 2, DataLen: 1<<20 + 1}, "m", 0), errContentTooLarge)
	assert.NoError(t, send(packet.FlagMORE, packet.RequestFields{ID: 3, DataLen: 100 << 10}, "m", 0))
	assert.Error(t, send(packet.FlagMORE, packet.RequestFields{ID: 4, DataLen: 100 << 10}, "m", 0), "beyond the window")
	assert.ErrorIs(t, p.body(1, packet.BodyHead{Kind: packet.BodyRequest, ID: 1}, []byte("x")), errBodyLength)
	def := func(index uint32, name string) error {
		return p.send(packet.TypeMethodDef, 0, 0, packet.AppendMethodDef(nil, index, name))
	}
	assert.NoError(t, def(1, "m"))
	assert.ErrorIs(t, def(1, "m"), errDictionary)
	assert.ErrorIs(t, def(3, "m"), errDictionary)
	assert.Error(t, p.send(packet.TypeData, 0, 0, []byte("x")))
}

func TestAnswerWaitsForRoomUntilTheStreamIsOver(t *testing.T) {
	p := play(t)
	p.serve("m", echo)
	p.c.fill(packet.Messages)
	p.request(1, 1, "m", nil)
	p.until("an answer that waits", func() bool {
		p.c.mu.Lock()
		defer p.c.mu.Unlock()
		return len(p.c.waiting[packet.Messages]) == 1
	})
	p.e.mux.Close()
	p.until("a request that has left", func() bool {
		p.e.queue.mu.Lock()
		defer p.e.queue.mu.Unlock()
		return p.e.queue.returned == 1
	})
	p.until("END", func() bool { p.c.mu.Lock(); defer p.c.mu.Unlock(); return p.c.shutdown })
}

func TestCallsOnRetiredStreamsGiveTheirCreditBack(t *testing.T) {
	p := play(t)
	fields := packet.AppendRequest(nil, packet.RequestFields{ID: 1, DataLen: 3}, "m")
	h := packet.Header{Type: packet.TypeRequest, Stream: 2, Length: len(fields) + 3}
	require.NoError(t, p.e.HandleFrame(h, append(fields, "abc"...)))
	assert.Equal(t, uint64(1), p.e.queue.returned)
	assert.Zero(t, p.e.queue.requestBytes.Unread())
	fields = packet.AppendResponse(nil, packet.ResponseFields{ID: 1, DataLen: 100 << 10}, "")
	h = packet.Header{Type: packet.TypeResponse, Flags: packet.FlagMORE, Stream: 2, Length: len(fields)}
	require.NoError(t, p.e.HandleFrame(h, fields))
	assert.Zero(t, p.e.queue.responseBytes.Unread())
}
