//go:build go1.25

package application

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

// bubble runs f in a bubble that shares no pooled channel with other tests.
func bubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	empty := func() {
		runtime.GC()
		runtime.GC() // what a pool has outlives one
	}
	empty()
	synctest.Test(t, f)
	empty()
}

func TestRequestThatCannotStartInTimeIsAnsweredBusy(t *testing.T) {
	for name, test := range map[string]struct {
		timeoutMS uint32
		after     time.Duration
	}{
		"without a limit": {0, 5 * time.Second},
		"with less":       {2000, 2 * time.Second},
		"with more":       {60000, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := play(t, func(c *Config) { c.Limits.MaxRunningCalls, c.Limits.MaxWaitingCalls = 1, 5 })
				release := make(chan struct{})
				p.e.rpc().methods = map[string]*method{"m": {rpc: func(context.Context, geminio.Request, geminio.Response) { <-release }}}
				start := time.Now()
				p.request(1, 1, "m", nil)
				p.must(packet.TypeRequest, 0, 1, packet.AppendRequest(nil, packet.RequestFields{ID: 2, TimeoutMS: test.timeoutMS}, "m"))
				synctest.Wait()
				time.Sleep(test.after - time.Nanosecond)
				synctest.Wait()
				p.silent()
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				r := p.nextResponse()
				assert.Equal(t, uint64(2), r.ID)
				assert.Equal(t, packet.CodeBusy, r.Code)
				assert.Equal(t, test.after, time.Since(start).Truncate(time.Millisecond))
				close(release)
				synctest.Wait()
				assert.Equal(t, uint64(1), p.nextResponse().ID)
			})
		})
	}
}

func TestTimeoutsOfCallsAreExact(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := play(t)
		ctx, cancel := context.WithTimeout(background, 3*time.Second)
		defer cancel()
		for name, test := range map[string]struct {
			ctx   context.Context
			opt   time.Duration
			after time.Duration
			want  error
		}{
			"timeout": {background, time.Second, time.Second, geminio.ErrTimeout},
			"context": {ctx, time.Minute, 3 * time.Second, context.DeadlineExceeded},
		} {
			start := time.Now()
			if name == "context" {
				ctx, cancel := context.WithTimeout(background, 3*time.Second)
				defer cancel()
				test.ctx = ctx
			}
			_, err := p.e.Call(test.ctx, "m", p.e.NewRequest(nil), withTimeout(test.opt))
			assert.Equal(t, test.want, err, name)
			assert.Equal(t, test.after, time.Since(start), name)
			r, _ := p.nextRequest()
			assert.Equal(t, uint32(test.after/time.Millisecond), r.TimeoutMS)
			p.nextCancel()

			start = time.Now()
			call, err := p.e.CallAsync(background, "m", p.e.NewRequest(nil), nil, withTimeout(test.opt))
			require.NoError(t, err)
			<-call.Done
			assert.Equal(t, geminio.ErrTimeout, call.Error)
			assert.Equal(t, test.opt, time.Since(start))
			p.nextRequest()
			p.nextCancel()
		}
	})
}

func TestTheTimeThatWasWaitedDoesNotTravel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := play(t, func(c *Config) { c.Peer.CallCredit.Requests = 0 })
		done := p.call(background, p.e.Stream, "m", "", withTimeout(10*time.Second))
		time.Sleep(4 * time.Second)
		p.must(packet.TypeCreditCall, 0, 0, packet.AppendCreditCall(nil, packet.CreditCall{Requests: 1, RequestBytes: 1 << 20, ResponseBytes: 1 << 20}))
		synctest.Wait()
		p.next(packet.TypeMethodDef)
		r, _ := p.nextRequest()
		assert.Equal(t, uint32(6000), r.TimeoutMS)
		assert.Equal(t, geminio.ErrTimeout, (<-done).err)
	})
}

func TestHandlersContextHasTheDeadlineOfTheCaller(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := play(t)
		type seen struct {
			after time.Duration
			err   error
		}
		got := make(chan seen, 3)
		start := time.Now()
		wait := map[string]func(context.Context){
			"done":    func(ctx context.Context) { <-ctx.Done() },
			"derived": func(ctx context.Context) { d, c := context.WithCancel(ctx); defer c(); <-d.Done() },
			"slept":   func(context.Context) { time.Sleep(2 * time.Second) },
		}
		p.e.rpc().methods = map[string]*method{}
		id := uint64(0)
		for name, f := range wait {
			p.e.rpc().methods[name] = &method{rpc: func(ctx context.Context, _ geminio.Request, _ geminio.Response) {
				assert.NoError(t, ctx.Err())
				f(ctx)
				got <- seen{time.Since(start), ctx.Err()}
			}}
			id++
			p.must(packet.TypeRequest, 0, 1, packet.AppendRequest(nil, packet.RequestFields{ID: id, TimeoutMS: 2000}, name))
		}
		for range wait {
			assert.Equal(t, seen{2 * time.Second, context.DeadlineExceeded}, <-got)
		}
	})
}

func TestExpiredMessageIsNotReceived(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := play(t)
		send := func(id uint64, cnss options.Cnss, ms uint32) {
			p.must(packet.TypeMessage, 0, 1, packet.AppendMessage(nil, packet.MessageFields{ID: id, Cnss: uint8(cnss), TimeoutMS: ms}, ""))
		}
		send(1, 0, 1000)
		send(2, options.CnssAtMostOnce, 1000)
		send(3, 0, 5000)
		time.Sleep(2 * time.Second)
		m, err := p.e.Receive(background)
		require.NoError(t, err)
		assert.Equal(t, 3*time.Second, m.Timeout())
		ack := p.nextAck()
		assert.Equal(t, uint64(1), ack.ID)
		assert.Equal(t, packet.CodeExpired, ack.Code)
		p.silent()
	})
}

func TestPublisherOfAnExpiredMessageGetsItsOwnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := play(t)
		ctx, cancel := context.WithTimeout(background, 5*time.Second)
		defer cancel()
		done := p.publish(ctx, p.e.Stream, "x", 0)
		synctest.Wait()
		m, _ := p.nextMessage()
		assert.Equal(t, uint32(5000), m.TimeoutMS)
		p.ack(1, m.ID, packet.CodeExpired, "")
		assert.Equal(t, context.DeadlineExceeded, <-done)
	})
}

func TestOpenStreamGivesUpAfterHalfAMinute(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := play(t)
		start := time.Now()
		_, err := p.e.OpenStream()
		assert.Equal(t, geminio.ErrTimeout, err)
		assert.Equal(t, 30*time.Second, time.Since(start))
		p.next(packet.TypeOpen)
		p.next(packet.TypeEnd)
	})
}

func TestOpenStreamWithoutCreditGivesUpAfterHalfAMinute(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := play(t, func(c *Config) { c.Peer.OpenCredit.Opens = 0 })
		start := time.Now()
		_, err := p.e.OpenStream()
		assert.Equal(t, geminio.ErrTimeout, err)
		assert.Equal(t, 30*time.Second, time.Since(start))
	})
}

func TestConnOfflineWaitsOneSecondForStreamCallbacks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newDiary()
		release := make(chan struct{})
		p := play(t, d.config, func(c *Config) {
			c.ClosedStreamFunc = func(geminio.Stream) { <-release; d.write("closed") }
		})
		p.open(2)
		synctest.Wait()
		start := time.Now()
		p.e.mux.HandleClose(packet.CodeClosed, "")
		synctest.Wait()
		assert.Equal(t, []string{"online", "offline"}, d.all())
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"online", "offline", "conn offline"}, d.all())
		assert.Equal(t, time.Second, time.Since(start))
		assert.Equal(t, 1, p.c.farewells())
		close(release)
		synctest.Wait()
	})
}

func TestPeerIsAnsweredAfterASecondWhateverConnOfflineDoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		p := play(t, func(c *Config) { c.ConnOffline = func() { <-release } })
		p.e.mux.HandleClose(packet.CodeClosed, "")
		time.Sleep(time.Second - time.Nanosecond)
		synctest.Wait()
		assert.Zero(t, p.c.farewells())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Equal(t, 1, p.c.farewells())
		close(release)
		synctest.Wait()
		assert.Equal(t, 1, p.c.farewells())
	})
}

func TestChannelNobodyReadsLosesItsCompletionsFiveSecondsAfterTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := play(t)
		ch := make(chan *geminio.Call)
		for range 3 {
			_, err := p.e.CallAsync(background, "m", p.e.NewRequest(nil), ch)
			require.NoError(t, err)
		}
		p.lose()
		time.Sleep(4 * time.Second)
		<-ch
		time.Sleep(4 * time.Second)
		<-ch
		time.Sleep(5 * time.Second)
		synctest.Wait()
		select {
		case <-ch:
			t.Error("delivered too late")
		default:
		}
	})
}

func TestConnOfflineWaitsASecondForConnSuspendedAndIsTheLast(t *testing.T) {
	bubble(t, func(t *testing.T) {
		calls, release := make(chan string, 100), make(chan struct{})
		p := play(t, func(c *Config) {
			c.ConnSuspended = func() { calls <- "suspended"; <-release }
			c.ConnResumed = func() { calls <- "resumed" }
			c.ConnOffline = func() { calls <- "offline" }
		})
		p.e.Suspended()
		p.e.Resumed()
		assert.Equal(t, "suspended", <-calls)
		p.lose()
		time.Sleep(time.Second - time.Nanosecond)
		synctest.Wait()
		none(t, calls)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		assert.Equal(t, "offline", <-calls)
		close(release)
		p.e.Suspended()
		p.e.Resumed()
		synctest.Wait()
		none(t, calls)
	})
}
