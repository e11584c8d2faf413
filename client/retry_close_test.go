//go:build go1.25

package client

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/test/memnet"
)

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
		ofBytes := map[string]func() error{
			"read":    func() error { _, err := r.Read(make([]byte, 1)); return err },
			"write":   func() error { _, err := r.Write(make([]byte, 1)); return err },
			"writeto": func() error { _, err := r.WriteTo(io.Discard); return err },
		}
		check := func() {
			results := make(map[string]<-chan result[any])
			for name, f := range waiting {
				results[name] = background(func() (any, error) { return nil, f() })
			}
			for name, f := range ofBytes {
				results[name] = background(func() (any, error) { return nil, f() })
			}
			time.Sleep(time.Second)
			require.NoError(t, r.Close())
			for name, c := range results {
				want := io.EOF
				if ofBytes[name] != nil {
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

func TestWhatWasWrittenBeforeCloseGoesOutOverAnotherConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		r, peer := s.pair()
		s.last().Stall(true)
		_, err := r.Write([]byte("the last words"))
		require.NoError(t, err)
		start := time.Now()
		closed := make(chan error, 1)
		go func() { closed <- r.Close() }()
		s.cut()
		words, err := io.ReadAll(peer)
		require.NoError(t, err, "the end is in order")
		assert.Equal(t, "the last words", string(words))
		require.NoError(t, <-closed)
		assert.Less(t, time.Since(start), time.Second)
		assert.Equal(t, 2, s.dialled())
	})
}

func TestCloseDoesNotWaitForAServerThatIsGone(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		r, _ := s.pair()
		s.last().Stall(true)
		_, err := r.Write([]byte("the last words"))
		require.NoError(t, err)
		start := time.Now()
		closed := make(chan error, 1)
		go func() { closed <- r.Close() }()
		s.refuse(true)
		s.cut()
		require.NoError(t, <-closed)
		assert.LessOrEqual(t, time.Since(start), 2*time.Second)
		dials := s.dialled()
		time.Sleep(time.Minute)
		assert.Equal(t, dials, s.dialled(), "nothing is tried after Close")
	})
}
