//go:build go1.25

package client

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
)

// serving has the server answer echo, from the beginning of each session.
func serving(o *server.EndOptions) {
	o.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "echo", RPC: echo})
}

// awaitingEcho has the client wait for it.
func awaitingEcho(o *EndOptions) { o.SetWaitRemoteRPCs("echo") }

func TestCallInFlightWhenTheSessionIsLostIsNotMadeAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		var runs atomic.Int32
		slow := func(ctx context.Context, _ geminio.Request, _ geminio.Response) { runs.Add(1); <-ctx.Done() }
		s.up(mortal, func(o *server.EndOptions) {
			o.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "slow", RPC: slow})
		})
		r, _ := s.pair(func(o *EndOptions) { o.SetWaitRemoteRPCs("slow") })
		defer r.Close()
		ctx := context.Background()
		called := background(func() (geminio.Response, error) { return r.Call(ctx, "slow", r.NewRequest(nil)) })
		started, err := r.CallAsync(ctx, "slow", r.NewRequest(nil), nil)
		require.NoError(t, err)
		s.cut()
		<-s.ends
		for _, err := range []error{(<-called).err, (<-started.Done).Error} {
			var failed *geminio.CallError
			require.ErrorAs(t, err, &failed)
			assert.True(t, failed.MaybeExecuted)
			assert.ErrorIs(t, err, geminio.ErrSessionLost)
		}
		time.Sleep(time.Minute)
		assert.EqualValues(t, 2, runs.Load())
	})
}

func TestCallOfWhichNothingHasLeftGoesOnWithTheNextSession(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(serving)
		r, _ := s.pair(awaitingEcho)
		defer r.Close()
		s.down() // the session waits for its server, and what is called waits with it
		data := []byte("later")
		async, err := r.CallAsync(context.Background(), "echo", r.NewRequest(data), nil)
		require.NoError(t, err)
		copy(data, "XXXXX")
		called := background(func() (geminio.Response, error) {
			return r.Call(context.Background(), "echo", r.NewRequest([]byte("sooner")))
		})
		pending(t, called)
		s.up(serving) // another one, that does not know the session
		<-s.ends
		c := <-called
		require.NoError(t, c.err)
		assert.Equal(t, "sooner", string(c.v.Data()))
		require.NoError(t, (<-async.Done).Error)
		assert.Equal(t, "later", string(async.Response.Data()), "what was given when it was called")
	})
}

func TestCallTakesItsTimeoutOnceOverAllSessions(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		r := s.client(lazy, func(o *EndOptions) { o.SetWaitRemoteRPCs("slow") })
		defer r.Close()
		o := options.Call()
		o.SetTimeout(20 * time.Second)
		start := time.Now()
		called := background(func() (geminio.Response, error) {
			return r.Call(context.Background(), "slow", r.NewRequest(nil), o)
		})
		async, err := r.CallAsync(context.Background(), "slow", r.NewRequest(nil), nil, o)
		_ = async
		assert.Equal(t, geminio.ErrTimeout, err)
		assert.Equal(t, geminio.ErrTimeout, (<-called).err)
		assert.Equal(t, 20*time.Second, time.Since(start))

		start = time.Now()
		called = background(func() (geminio.Response, error) {
			return r.Call(context.Background(), "slow", r.NewRequest(nil), o)
		})
		time.Sleep(10 * time.Second)
		s.up(func(o *server.EndOptions) {
			o.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "slow", RPC: func(ctx context.Context, _ geminio.Request, _ geminio.Response) {
				<-ctx.Done()
			}})
		})
		assert.Equal(t, geminio.ErrTimeout, (<-called).err)
		assert.Equal(t, 20*time.Second, time.Since(start))
	})
}

func TestRequestsAndMessagesOutliveTheClientIDTheyWereMadeUnder(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		id := uint64(10)
		changing := func(o *server.EndOptions) {
			mortal(o)
			serving(o)
			id++
			o.SetClientID(id)
		}
		s.up(changing)
		r, _ := s.pair(awaitingEcho)
		defer r.Close()
		for last := uint64(11); last < 14; last++ {
			assert.Equal(t, last, r.ClientID())
			req, msg := r.NewRequest([]byte("old")), r.NewMessage(nil)
			s.down()
			s.up(changing)
			far := <-s.ends
			rsp, err := r.Call(context.Background(), "echo", req)
			require.NoError(t, err)
			assert.Equal(t, "old", string(rsp.Data()))
			published := publishing(r, msg)
			received, _ := next(t, far)
			require.NoError(t, received.Done())
			require.NoError(t, (<-published).err)
		}
		alien := r.NewRequest(nil)
		alien.SetClientID(99)
		_, err := r.Call(context.Background(), "echo", alien)
		assert.ErrorContains(t, err, "mismatch clientID")
	})
}

func TestRegisterGoesOnWithTheNextSessionOrIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, _ := s.pair()
		defer r.Close()
		s.down()
		ctx, cancel := context.WithCancel(context.Background())
		waits := background(func() (any, error) { return nil, r.Register(context.Background(), "kept", echo) })
		gone := background(func() (any, error) { return nil, r.Register(ctx, "gone", echo) })
		behind := background(func() (any, error) { return nil, r.Register(ctx, "kept", nil) })
		pending(t, waits)
		cancel()
		assert.Equal(t, context.Canceled, (<-gone).err)
		assert.Equal(t, context.Canceled, (<-behind).err)
		s.up(mortal)
		for range 2 {
			far := <-s.ends
			if waits != nil {
				require.NoError(t, (<-waits).err)
				waits = nil
			}
			synctest.Wait()
			_, err := far.Call(context.Background(), "kept", far.NewRequest(nil))
			require.NoError(t, err)
			_, err = far.Call(context.Background(), "gone", far.NewRequest(nil))
			assert.ErrorContains(t, err, "no such rpc")
			s.cut()
		}
	})
}

func TestRegistrationThatIsRefusedIsNotInForceLater(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		few := func(o *server.EndOptions) { o.SetLimits(options.Limits{MaxRegistrations: 1}) }
		s.up(mortal, few)
		r, _ := s.pair()
		defer r.Close()
		require.NoError(t, r.Register(context.Background(), "echo", echo))
		assert.ErrorIs(t, r.Register(context.Background(), "more", echo), geminio.ErrTooManyRegistrations)
		s.cut()
		far := <-s.ends
		synctest.Wait()
		echoes(t, far, "hello")
	})
}

func TestHijackReplacesAndItsPatternIsJudgedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		r := s.client(lazy)
		defer r.Close()
		bad := options.Hijack()
		bad.SetMatch(true, "(")
		require.Error(t, r.Hijack(nil, bad))
		say := func(text string) geminio.HijackRPC {
			return func(_ context.Context, _ string, _ geminio.Request, rsp geminio.Response) { rsp.SetData([]byte(text)) }
		}
		ask := func(far geminio.End) string {
			rsp, err := far.Call(context.Background(), "any", far.NewRequest(nil))
			require.NoError(t, err)
			return string(rsp.Data())
		}
		require.NoError(t, r.Hijack(say("one")))
		s.up(mortal)
		far := <-s.ends
		assert.Equal(t, "one", ask(far))
		require.NoError(t, r.Hijack(say("two")))
		assert.Equal(t, "two", ask(far))
		s.cut()
		assert.Equal(t, "two", ask(<-s.ends))
	})
}

func TestAcceptStreamReturnsWhatIsLeftAndGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, far := s.pair()
		defer r.Close()
		for _, peer := range []string{"one", "two"} {
			o := options.OpenStream()
			o.SetPeer(peer)
			_, err := far.OpenStream(o)
			require.NoError(t, err)
		}
		s.cut()
		<-s.ends
		synctest.Wait()
		for _, peer := range []string{"one", "two"} {
			stream, err := r.AcceptStream()
			require.NoError(t, err)
			assert.Equal(t, peer, stream.Peer())
		}
		accepted := background(r.Accept)
		pending(t, accepted)
		s.cut()
		far = <-s.ends
		_, err := far.OpenStream()
		require.NoError(t, err)
		require.NoError(t, (<-accepted).err)
		require.NoError(t, r.Close())
		_, err = r.AcceptStream()
		assert.Equal(t, io.EOF, err)
	})
}

func TestOpenStreamTakesThirtySecondsOverAllSessions(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		r := s.client(lazy)
		defer r.Close()
		start := time.Now()
		opened := background(func() (geminio.Stream, error) { return r.OpenStream() })
		time.Sleep(20 * time.Second)
		release := make(chan struct{})
		s.up(func(o *server.EndOptions) { o.SetAcceptStreamFunc(func(geminio.Stream) { <-release }) })
		assert.Equal(t, geminio.ErrTimeout, (<-opened).err)
		assert.Equal(t, 30*time.Second, time.Since(start))
		close(release)
		synctest.Wait()
		assert.Len(t, r.ListStreams(), 1, "what came too late was closed")
		stream, err := r.OpenStream()
		require.NoError(t, err)
		list := r.ListStreams()
		assert.Same(t, r, list[0])
		assert.Same(t, stream, list[1])
	})
}

func TestCancelDuringAnOutageReachesTheHandlerAfterIt(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		r, far := s.pair()
		began, ended := make(chan struct{}), make(chan error, 1)
		require.NoError(t, far.Register(context.Background(), "wait", func(ctx context.Context, _ geminio.Request, _ geminio.Response) {
			close(began)
			<-ctx.Done()
			ended <- ctx.Err()
		}))
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		called := background(func() (geminio.Response, error) { return r.Call(ctx, "wait", r.NewRequest(nil)) })
		<-began
		s.refuse(true)
		s.cut()
		cancel()
		assert.Equal(t, context.Canceled, (<-called).err)
		pending(t, ended)
		s.refuse(false)
		assert.Equal(t, context.Canceled, <-ended)
		r.Close()
	})
}
