//go:build go1.25

package client

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/memnet"
)

func TestRetryEndReturnsTheFirstFailureAndTriesNothingAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		end, err := NewRetryEndWithDialer(s.dial, quiet())
		assert.Nil(t, end)
		assert.Equal(t, errRefused, err)

		s.up(func(o *server.EndOptions) {
			o.SetDelegate(&gatekeeper{refuse: func() error { return errors.New("not you") }})
		})
		d := &diary{}
		o := quiet()
		o.SetDelegate(d)
		end, err = NewRetryEndWithDialer(s.dial, o)
		assert.Nil(t, end)
		var remote *geminio.RemoteError
		require.ErrorAs(t, err, &remote)
		assert.Equal(t, "not you", remote.Text)
		assert.Empty(t, d.read())

		s.down()
		s.up()
		refused := errors.New("refused here")
		d.online = func(delegate.ConnDescriber) error { return refused }
		end, err = NewRetryEndWithDialer(s.dial, o)
		assert.Nil(t, end)
		assert.Equal(t, refused, err)
		time.Sleep(time.Hour)
		assert.Equal(t, 3, s.dialled())
	})
}

// gatekeeper is a server's delegate that refuses clients.
type gatekeeper struct {
	delegate.UnimplementedDelegate
	refuse func() error
}

func (g *gatekeeper) GetClientID(wanted uint64, _ []byte) (uint64, error) { return wanted, g.refuse() }

func TestFirstSessionThatIsLostWhileItIsSetUpIsTheConstructorsError(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		o := quiet()
		o.SetWaitRemoteRPCs("never")
		made := background(func() (geminio.End, error) { return NewRetryEndWithDialer(s.dial, o) })
		pending(t, made)
		s.cut()
		m := <-made
		assert.Nil(t, m.v)
		assert.ErrorIs(t, m.err, io.ErrUnexpectedEOF)
		time.Sleep(time.Hour)
		assert.Equal(t, 1, s.dialled())
	})
}

func TestFirstSessionSurvivesACutWhileItIsSetUp(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		o := quiet()
		o.SetWaitRemoteRPCs("echo")
		made := background(func() (geminio.End, error) { return NewRetryEndWithDialer(s.dial, o) })
		far := <-s.ends
		s.cut()
		pending(t, made)
		require.NoError(t, far.Register(context.Background(), "echo", echo))
		m := <-made
		require.NoError(t, m.err)
		defer m.v.Close()
		echoes(t, m.v, "hello")
		assert.Equal(t, 2, s.dialled())
	})
}

func TestOptionsThatContradictAreTheConstructorsErrorThoughItIsLazy(t *testing.T) {
	o := quiet()
	o.SetLazyDial()
	o.SetLimits(options.Limits{MaxBody: -1})
	_, err := NewRetryEndWithDialer(func() (net.Conn, error) { panic("dialled") }, o)
	require.ErrorContains(t, err, "MaxBody")
}

func TestLazyRetryEndIsThereBeforeItsConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		d := &diary{}
		r := s.client(lazy, wanting7, toldTo(d), awaitingEcho)
		defer r.Close()
		assert.EqualValues(t, 7, r.ClientID())
		assert.Equal(t, []byte("me"), r.Meta())
		assert.EqualValues(t, 1, r.StreamID())
		assert.Equal(t, geminio.InitiatorSide, r.Side())
		assert.NotNil(t, r.LocalAddr())
		assert.NotNil(t, r.RemoteAddr())
		assert.NotNil(t, r.Addr())
		assert.Empty(t, r.ListStreams())
		assert.Empty(t, r.Peer())

		req := r.NewRequest([]byte("early"))
		called := background(func() (geminio.Response, error) { return r.Call(context.Background(), "echo", req) })
		written := background(func() (int, error) { return r.Write([]byte("bytes")) })
		published := background(func() (any, error) { return nil, r.Publish(context.Background(), r.NewMessage(nil)) })
		registered := background(func() (any, error) { return nil, r.Register(context.Background(), "echo", echo) })
		opened := background(func() (geminio.Stream, error) { return r.OpenStream() })
		time.Sleep(5 * time.Second)
		pending(t, called)
		assert.Greater(t, s.dialled(), 3)

		s.up(func(o *server.EndOptions) {
			o.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "echo", RPC: echo})
		})
		far := <-s.ends
		c := <-called
		require.NoError(t, c.err)
		assert.Equal(t, "early", string(c.v.Data()))
		assert.Equal(t, 5, (<-written).v)
		got := make([]byte, 5)
		_, err := io.ReadFull(far, got)
		require.NoError(t, err)
		msg, err := far.Receive(context.Background())
		require.NoError(t, err)
		require.NoError(t, msg.Done())
		require.NoError(t, (<-published).err)
		require.NoError(t, (<-registered).err)
		echoes(t, far, "back")
		require.NoError(t, (<-opened).err)
		assert.Equal(t, []string{"online 7"}, d.read())
		assert.Len(t, r.ListStreams(), 2)
	})
}

func TestNobodyNoticesACut(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		d := &diary{}
		r, far := s.pair(toldTo(d), wanting7)
		defer r.Close()
		var runs atomic.Int32
		release := make(chan struct{})
		require.NoError(t, far.Register(context.Background(), "slow", func(context.Context, geminio.Request, geminio.Response) {
			runs.Add(1)
			<-release
		}))
		called := background(func() (any, error) {
			_, err := r.Call(context.Background(), "slow", r.NewRequest(nil))
			return nil, err
		})
		read := background(func() (string, error) {
			b := make([]byte, 10)
			n, err := r.Read(b)
			return string(b[:n]), err
		})
		received := background(func() (geminio.Message, error) { return r.Receive(context.Background()) })
		published := background(func() (any, error) { return nil, r.Publish(context.Background(), r.NewMessage([]byte("m"))) })
		near, err := r.OpenStream()
		require.NoError(t, err)
		synctest.Wait()
		for range 10 {
			s.cut()
			_, err := near.Write([]byte("x"))
			require.NoError(t, err)
			time.Sleep(10 * time.Second)
		}
		pending(t, called)
		close(release)
		require.NoError(t, (<-called).err)
		assert.EqualValues(t, 1, runs.Load())
		_, err = far.Write([]byte("hello"))
		require.NoError(t, err)
		assert.Equal(t, result[string]{"hello", nil}, <-read)
		go far.Publish(context.Background(), far.NewMessage([]byte("to you")))
		m := <-received
		require.NoError(t, m.err)
		require.NoError(t, m.v.Done())
		msg, err := far.Receive(context.Background())
		require.NoError(t, err)
		require.NoError(t, msg.Done())
		require.NoError(t, (<-published).err)
		assert.Equal(t, []string{"online 7"}, slices.DeleteFunc(d.read(), func(line string) bool {
			return line == "suspended" || line == "resumed"
		}))
		assert.EqualValues(t, 10, r.current.Load().conn.Stats().Resumes)
		accepted, err := far.AcceptStream()
		require.NoError(t, err)
		got := make([]byte, 10)
		_, err = io.ReadFull(accepted, got)
		require.NoError(t, err)
		assert.Empty(t, s.ends)
	})
}

func TestSuspendDelegateIsToldOfEachConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		d := &diary{}
		r, _ := s.pair(toldTo(d), wanting7)
		for range 2 {
			s.cut()
			time.Sleep(time.Second)
		}
		assert.Equal(t, []string{"online 7", "suspended", "resumed", "suspended", "resumed"}, d.read())
		s.down()
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"suspended", "offline 7"}, d.read())
		require.NoError(t, r.Close())
		assert.Empty(t, d.read())
	})
}

func TestLostSessionIsFollowedByAnotherWithAllInForce(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal, serving)
		d := &diary{}
		r, far := s.pair(toldTo(d), wanting7, awaitingEcho, func(o *EndOptions) {
			o.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "local", RPC: echo}, &geminio.MethodRPC{Method: "replaced", RPC: nil})
		})
		defer r.Close()
		ctx := context.Background()
		require.NoError(t, r.Register(ctx, "echo", nil))
		require.NoError(t, r.Register(ctx, "echo", echo))
		require.NoError(t, r.Register(ctx, "replaced", echo))
		hijacked := options.Hijack()
		hijacked.SetMatch(true, "^hi")
		require.NoError(t, r.Hijack(func(_ context.Context, method string, _ geminio.Request, rsp geminio.Response) {
			rsp.SetData([]byte(method))
		}, hijacked))
		old, oldMessage := r.NewRequest([]byte("old")), r.NewMessage([]byte("old"))
		inForce := make(chan error, 1)
		d.reOnline = func(c delegate.ClientDescriber) {
			assert.Same(t, r, c)
			_, err := c.(*RetryEnd).Call(ctx, "echo", old)
			inForce <- err
		}
		for range 3 {
			s.cut()
			far = <-s.ends
			require.NoError(t, <-inForce)
			for _, method := range []string{"local", "replaced", "echo"} {
				rsp, err := far.Call(ctx, method, far.NewRequest([]byte("x")))
				require.NoError(t, err, method)
				assert.Equal(t, "x", string(rsp.Data()))
			}
			rsp, err := far.Call(ctx, "hi there", far.NewRequest(nil))
			require.NoError(t, err)
			assert.Equal(t, "hi there", string(rsp.Data()))
		}
		published := background(func() (any, error) { return nil, r.Publish(ctx, oldMessage) })
		msg, err := far.Receive(ctx)
		require.NoError(t, err)
		require.NoError(t, msg.Done())
		require.NoError(t, (<-published).err)
		assert.Equal(t, []string{
			"online 7", "offline 7", "online 7", "again 7", "offline 7", "online 7", "again 7", "offline 7", "online 7", "again 7",
		}, d.read())
	})
}

func TestServerThatClosesInOrderIsFollowedByAnotherSession(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		d := &diary{}
		r, far := s.pair(toldTo(d), wanting7)
		defer r.Close()
		require.NoError(t, far.Close())
		far = <-s.ends
		require.NoError(t, far.Register(context.Background(), "echo", echo))
		echoes(t, r, "hello")
		assert.Equal(t, []string{"online 7", "offline 7", "online 7", "again 7"}, d.read())
	})
}

func TestSessionSurvivesItsGraceAndNoLonger(t *testing.T) {
	for _, outage := range []time.Duration{25 * time.Second, 35 * time.Second} {
		bubble(t, func(t *testing.T, s *site) {
			s.up()
			d := &diary{}
			r, far := s.pair(toldTo(d), wanting7)
			defer r.Close()
			s.refuse(true)
			s.cut()
			time.Sleep(outage)
			s.refuse(false)
			if outage > 30*time.Second {
				far = <-s.ends
			}
			require.NoError(t, far.Register(context.Background(), "echo", echo))
			echoes(t, r, "hello")
			lines := slices.DeleteFunc(d.read(), func(line string) bool { return line == "suspended" || line == "resumed" })
			if outage > 30*time.Second {
				assert.Equal(t, []string{"online 7", "offline 7", "online 7", "again 7"}, lines)
			} else {
				assert.Equal(t, []string{"online 7"}, lines)
			}
		})
	}
}

func TestAnotherServerOpensASessionOnTheThirdDial(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		r, _ := s.pair(wanting7)
		defer r.Close()
		before := s.dialled()
		s.down()
		s.up()
		<-s.ends
		assert.Equal(t, 3, s.dialled()-before)
		assert.EqualValues(t, 7, r.ClientID())
	})
}

func TestRefusalsAreRetriedAndWarnedOfOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		var refusal atomic.Pointer[error]
		gate := func(o *server.EndOptions) {
			mortal(o)
			o.SetDelegate(&gatekeeper{refuse: func() error {
				if err := refusal.Load(); err != nil {
					return *err
				}
				return nil
			}})
		}
		s.up(gate)
		warned := &warnings{}
		r, _ := s.pair(func(o *EndOptions) { o.SetLog(warned) })
		defer r.Close()
		err := errors.New("not now")
		refusal.Store(&err)
		before := s.dialled()
		s.cut()
		time.Sleep(20 * time.Second)
		assert.Greater(t, s.dialled()-before, 5)
		assert.EqualValues(t, 2, warned.n.Load(), "the loss and the refusal")
		refusal.Store(nil)
		<-s.ends
	})
}

type warnings struct {
	silence
	n atomic.Int32
}

func (w *warnings) Warnf(string, ...any) { w.n.Add(1) }

func TestConnOnlineThatRefusesALaterSessionHasItTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		d := &diary{}
		r, _ := s.pair(toldTo(d), wanting7)
		defer r.Close()
		left := 3
		d.online = func(delegate.ConnDescriber) error {
			if left--; left >= 0 {
				return errors.New("later")
			}
			return nil
		}
		s.cut()
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"online 7", "offline 7", "online 7", "online 7", "online 7", "online 7", "again 7"}, d.read())
	})
}

func TestConnOfflineHoldsUpTheNextSessionAndNotClose(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		d := &stubborn{release: make(chan struct{})}
		r, _ := s.pair(toldTo(d), wanting7)
		s.cut()
		time.Sleep(time.Second)
		assert.Equal(t, []string{"online 7", "offline 7"}, d.read())
		start := time.Now()
		require.NoError(t, r.Close())
		assert.Less(t, time.Since(start), 100*time.Millisecond)
		close(d.release)
		assert.Empty(t, d.read())
	})
}

type stubborn struct {
	diary
	release chan struct{}
}

func (d *stubborn) ConnOffline(c delegate.ConnDescriber) error {
	_ = d.diary.ConnOffline(c)
	<-d.release
	return nil
}

func TestCloseEndsADialInProgress(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		dialling, release := make(chan struct{}), make(chan net.Conn)
		first := true
		end, err := NewRetryEndWithDialer(func() (net.Conn, error) {
			if first {
				first = false
				return s.dial()
			}
			close(dialling)
			return <-release, nil
		}, quiet())
		require.NoError(t, err)
		s.cut()
		<-dialling
		start := time.Now()
		require.NoError(t, end.Close())
		assert.Less(t, time.Since(start), 100*time.Millisecond)
		late, other := memnet.Pipe()
		release <- late
		_, err = other.Read(make([]byte, 1))
		assert.Equal(t, io.EOF, err)
	})
}

func TestCloseEndsAHandshakeInProgress(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		near, far := memnet.Pipe()
		first := true
		end, err := NewRetryEndWithDialer(func() (net.Conn, error) {
			if first {
				first = false
				return s.dial()
			}
			return near, nil
		}, quiet())
		require.NoError(t, err)
		s.cut()
		_, err = far.Read(make([]byte, 1))
		require.NoError(t, err)
		start := time.Now()
		require.NoError(t, end.Close())
		_, err = io.Copy(io.Discard, far)
		require.NoError(t, err)
		assert.Less(t, time.Since(start), 100*time.Millisecond)
	})
}

func TestCloseOfASuspendedRetryEndIsQuickAndFinal(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		d := &diary{}
		r, _ := s.pair(toldTo(d), wanting7)
		s.down()
		start := time.Now()
		closed := background(func() (any, error) { return nil, r.Close() })
		require.NoError(t, r.Close())
		require.NoError(t, (<-closed).err)
		assert.Less(t, time.Since(start), 100*time.Millisecond)
		before := s.dialled()
		s.up()
		time.Sleep(time.Hour)
		assert.Equal(t, before, s.dialled())
		assert.Equal(t, []string{"online 7", "suspended", "offline 7"}, d.read())
		require.NoError(t, r.Close())
	})
}

func TestCloseThatIsCutDoesNotWaitForAnotherConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		r, _ := s.pair()
		s.last().Stall(true)
		closed := background(func() (any, error) { return nil, r.Close() })
		pending(t, closed)
		start := time.Now()
		s.cut()
		<-closed
		assert.Less(t, time.Since(start), 100*time.Millisecond)
	})
}

func TestEverythingEndsWithClose(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, _ := s.pair()
		s.down()
		ctx := context.Background()
		waiting := map[string]func() error{
			"call":     func() error { _, err := r.Call(ctx, "m", r.NewRequest(nil)); return err },
			"publish":  func() error { return r.Publish(ctx, r.NewMessage(nil)) },
			"async":    func() error { _, err := r.CallAsync(ctx, "m", r.NewRequest(nil), nil); return err },
			"later":    func() error { _, err := r.PublishAsync(ctx, r.NewMessage(nil), nil); return err },
			"register": func() error { return r.Register(ctx, "m", echo) },
			"receive":  func() error { _, err := r.Receive(ctx); return err },
			"accept":   func() error { _, err := r.Accept(); return err },
			"stream":   func() error { _, err := r.AcceptStream(); return err },
			"open":     func() error { _, err := r.OpenStream(); return err },
		}
		net_ := map[string]func() error{
			"read":    func() error { _, err := r.Read(make([]byte, 1)); return err },
			"write":   func() error { _, err := r.Write(make([]byte, 1)); return err },
			"writeto": func() error { _, err := r.WriteTo(io.Discard); return err },
		}
		check := func() {
			results := make(map[string]<-chan result[any])
			for name, f := range waiting {
				results[name] = background(func() (any, error) { return nil, f() })
			}
			for name, f := range net_ {
				results[name] = background(func() (any, error) { return nil, f() })
			}
			time.Sleep(time.Second)
			require.NoError(t, r.Close())
			for name, c := range results {
				want := io.EOF
				if net_[name] != nil {
					want = net.ErrClosed
				}
				assert.Equal(t, want, (<-c).err, name)
			}
		}
		check()
		check() // and what begins later
		assert.Equal(t, net.ErrClosed, r.CloseWrite())
		assert.Equal(t, net.ErrClosed, r.CloseRead())
		assert.Empty(t, r.ListStreams())
		assert.NoError(t, r.SetDeadline(time.Now()))
		assert.NotZero(t, r.ClientID())
	})
}

func TestCloseOfALivingSessionTellsConnOfflineOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		d := &diary{}
		r, far := s.pair(toldTo(d), wanting7)
		write(t, r, "bye")
		require.NoError(t, r.Close())
		assert.Equal(t, []string{"online 7", "offline 7"}, d.read())
		assert.Equal(t, "bye", readText(t, far, 3))
		ended(t, far)
		require.NoError(t, r.Close())
		time.Sleep(time.Hour)
		assert.Empty(t, d.read())
		assert.Equal(t, 1, s.dialled())
	})
}

func TestEndReOnlineMayCloseAndWaitForLaterSessions(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal, serving)
		d := &diary{}
		r, _ := s.pair(toldTo(d), wanting7, awaitingEcho)
		var waited, closed atomic.Bool
		d.reOnline = func(c delegate.ClientDescriber) {
			if !waited.Swap(true) {
				s.cut() // and goes on with the session after this one
				echoes(t, r, "hello")
				r.Close()
				closed.Store(true)
			}
		}
		s.cut()
		time.Sleep(time.Minute)
		assert.True(t, closed.Load())
		assert.Equal(t, []string{
			"online 7", "offline 7", "online 7", "again 7", "offline 7", "online 7", "again 7", "offline 7",
		}, d.read())
	})
}

func TestWaitsEndWithTheirContextAndTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		r := s.client(lazy)
		defer r.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		called, published := options.Call(), options.Publish()
		called.SetTimeout(time.Second)
		published.SetTimeout(time.Second)
		bg := context.Background()
		for name, f := range map[string]func() error{
			"call":           func() error { _, err := r.Call(ctx, "m", r.NewRequest(nil)); return err },
			"publish":        func() error { return r.Publish(ctx, r.NewMessage(nil)) },
			"async":          func() error { _, err := r.CallAsync(ctx, "m", r.NewRequest(nil), nil); return err },
			"later":          func() error { _, err := r.PublishAsync(ctx, r.NewMessage(nil), nil); return err },
			"register":       func() error { return r.Register(ctx, "m", echo) },
			"receive":        func() error { _, err := r.Receive(ctx); return err },
			"call timeout":   func() error { _, err := r.Call(bg, "m", r.NewRequest(nil), called); return err },
			"publish late":   func() error { return r.Publish(bg, r.NewMessage(nil), published) },
			"async timeout":  func() error { _, err := r.CallAsync(bg, "m", r.NewRequest(nil), nil, called); return err },
			"pubasync later": func() error { _, err := r.PublishAsync(bg, r.NewMessage(nil), nil, published); return err },
		} {
			start := time.Now()
			err := f()
			if ctx.Err() == nil {
				assert.Equal(t, time.Second, time.Since(start), name)
			}
			if len(name) > 8 {
				assert.Equal(t, geminio.ErrTimeout, err, name)
			} else {
				assert.Equal(t, context.DeadlineExceeded, err, name)
			}
		}
		start := time.Now()
		_, err := r.OpenStream()
		assert.Equal(t, geminio.ErrTimeout, err)
		assert.Equal(t, 30*time.Second, time.Since(start))
	})
}
