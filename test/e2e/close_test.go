package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/harness"
)

// took runs f and returns how long that took.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func TestCloseMayBeCalledAnyNumberOfTimesAtOnce(t *testing.T) {
	for _, carrier := range harness.Carriers() {
		t.Run(carrier.Name, func(t *testing.T) {
			t.Parallel()
			c, s := harness.Ends(t, carrier, nil, nil)
			opened, accepted := harness.OpenPair(t, c, s)
			for _, closers := range [][]io.Closer{{opened, accepted}, {c, s}} {
				var wg sync.WaitGroup
				for i := range 50 {
					wg.Add(1)
					go func() {
						defer wg.Done()
						assertNil(t, closers[i%2].Close())
					}()
				}
				harness.Within(t, 4*time.Second, "the closes", wg.Wait)
				require.NoError(t, closers[0].Close())
			}
		})
	}
}

func TestBothSidesMayCloseAtOnce(t *testing.T) {
	for _, carrier := range harness.Carriers() {
		t.Run(carrier.Name, func(t *testing.T) {
			t.Parallel()
			for range 20 {
				c, s, err := harness.Connect(carrier, nil, nil)
				require.NoError(t, err)
				_, err = c.OpenStream()
				require.NoError(t, err)
				d := took(func() { harness.CloseBoth(c, s) })
				require.Less(t, d, 3*time.Second)
			}
		})
	}
}

func TestCloseOfAStreamReturnsAtOnceThoughNobodyReads(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	best := time.Hour
	for range 10 {
		opened, _ := harness.OpenPair(t, c, s)
		harness.Fill(t, opened)
		d := took(func() { require.NoError(t, opened.Close()) })
		require.Less(t, d, time.Second)
		best = min(best, d)
	}
	require.Less(t, best, 20*time.Millisecond)
}

func TestPeersStreamEndsWithinTwoSecondsOfClose(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	for _, pair := range [][2]geminio.End{{c, s}, {s, c}} {
		opened, accepted := harness.OpenPair(t, pair[0], pair[1])
		harness.Fill(t, opened)
		require.NoError(t, opened.Close())
		require.NoError(t, accepted.SetDeadline(time.Now().Add(2*time.Second)))
		_, err := io.Copy(io.Discard, accepted)
		require.NoError(t, err)
		isStreamError(t, untilError(t, accepted))
	}
}

func TestClosingAStreamDisturbsNoOther(t *testing.T) {
	t.Parallel()
	c, s := tcpEnds(t)
	opened, accepted := harness.OpenPair(t, c, s)
	for range 50 {
		o, a := harness.OpenPair(t, c, s)
		_, err := o.Write(make([]byte, 100_000))
		require.NoError(t, err)
		require.NoError(t, a.Close())
		require.NoError(t, o.Close())
		harness.Exchange(t, opened, accepted, "steady")
		require.Equal(t, "on", call(t, c, "echo", "on"))
	}
}

func TestCloseOfTheEndClosesItsStreams(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	var accepted []geminio.Stream
	for range 20 {
		_, a := harness.OpenPair(t, c, s)
		accepted = append(accepted, a)
	}
	require.NoError(t, c.Close())
	for _, a := range accepted {
		require.NoError(t, a.SetReadDeadline(time.Now().Add(harness.Soon)))
		_, err := a.Read(make([]byte, 1))
		is(t, io.EOF, err)
	}
	require.Len(t, c.ListStreams(), 0)
}

func TestCloseCommitsWhatWasWrittenAndPublished(t *testing.T) {
	for _, carrier := range harness.Carriers() {
		t.Run(carrier.Name, func(t *testing.T) {
			t.Parallel()
			c, s := harness.Ends(t, carrier, nil, nil)
			sent := harness.Pattern(3_000_000)
			got := make(chan []byte, 1)
			go func() {
				b, err := io.ReadAll(s)
				assertNil(t, err)
				got <- b
			}()
			received := make(chan int, 1)
			go func() {
				n := 0
				for {
					if _, err := s.Receive(context.Background()); err != nil {
						received <- n
						return
					}
					n++
				}
			}()
			_, err := c.Write(sent)
			require.NoError(t, err)
			for range 500 {
				require.NoError(t, c.Publish(harness.Context(t), message(c, make([]byte, 100), options.CnssAtMostOnce)))
			}
			require.NoError(t, c.Close())
			require.True(t, bytes.Equal(sent, harness.Get(t, got, "the bytes")))
			require.Equal(t, 500, harness.Get(t, received, "the messages"))
		})
	}
}

func TestCloseDoesNotWaitForRunningHandlers(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	release, started := make(chan struct{}), make(chan struct{}, 2)
	defer close(release)
	stubborn := func(context.Context, geminio.Request, geminio.Response) {
		started <- struct{}{}
		<-release
	}
	register(t, s, "stubborn", stubborn)
	register(t, c, "stubborn", stubborn)
	for _, end := range []geminio.End{c, s} {
		_, err := end.CallAsync(context.Background(), "stubborn", end.NewRequest(nil), nil)
		require.NoError(t, err)
		harness.Get(t, started, "the handler")
	}
	require.Less(t, took(func() { require.NoError(t, s.Close()) }), 4*time.Second)
	require.Less(t, took(func() { require.NoError(t, c.Close()) }), 4*time.Second)
}

func TestCloseReturnsAfterThePeersConnOffline(t *testing.T) {
	t.Parallel()
	for range 20 {
		var offline atomic.Bool
		rec := &harness.Recorder{Offline: func(delegate.ConnDescriber) error {
			<-time.After(20 * time.Millisecond)
			offline.Store(true)
			return nil
		}}
		sopts := harness.ServerOptions()
		sopts.SetDelegate(rec)
		c, s := harness.Ends(t, harness.TCP, nil, sopts)
		_, err := c.OpenStream()
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.True(t, offline.Load(), "the server does not know yet")
		require.NoError(t, s.Close())
	}
}

func TestCloseDoesNotWaitForItsOwnConnOffline(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	rec := &harness.Recorder{Offline: func(delegate.ConnDescriber) error {
		<-release
		return nil
	}}
	sopts := harness.ServerOptions()
	sopts.SetDelegate(rec)
	copts := harness.ClientOptions()
	crec := &harness.Recorder{Offline: func(delegate.ConnDescriber) error {
		<-release
		return nil
	}}
	copts.SetDelegate(crec)
	c, s := harness.Ends(t, harness.TCP, copts, sopts)
	require.Less(t, took(func() { require.NoError(t, s.Close()) }), 4*time.Second)
	require.Less(t, took(func() { require.NoError(t, c.Close()) }), 4*time.Second)
	close(release)
	rec.Await(t, "ConnOffline", 1)
	crec.Await(t, "ConnOffline", 1)
}

func TestCloseMayBeCalledFromHandlersAndCallbacks(t *testing.T) {
	t.Parallel()
	var c, s geminio.End
	places := map[string]func(t *testing.T, closed chan struct{}, ready chan geminio.End){
		"handler": func(t *testing.T, closed chan struct{}, _ chan geminio.End) {
			register(t, s, "close", func(context.Context, geminio.Request, geminio.Response) {
				s.Close()
				close(closed)
			})
			_, err := c.CallAsync(context.Background(), "close", c.NewRequest(nil), nil)
			require.NoError(t, err)
		},
		"AcceptStreamFunc": func(t *testing.T, _ chan struct{}, ready chan geminio.End) {
			ready <- s
			opts := options.OpenStream()
			opts.SetWait(false)
			_, err := c.OpenStream(opts)
			require.NoError(t, err)
		},
		"RemoteRegistration": func(t *testing.T, _ chan struct{}, ready chan geminio.End) {
			ready <- s
			_ = c.Register(harness.Context(t), "m", harness.EchoRPC)
		},
	}
	for name, act := range places {
		closed, ready := make(chan struct{}), make(chan geminio.End, 1)
		shut := func() {
			(<-ready).Close()
			close(closed)
		}
		sopts := harness.ServerOptions()
		rec := &harness.Recorder{}
		switch name {
		case "AcceptStreamFunc":
			sopts.SetAcceptStreamFunc(func(geminio.Stream) { shut() })
		case "RemoteRegistration":
			rec.Registration = func(string, uint64, uint64) { shut() }
		}
		sopts.SetDelegate(rec)
		c, s = harness.Ends(t, harness.TCP, nil, sopts)
		act(t, closed, ready)
		harness.WaitFor(t, closed, harness.Soon, "Close in "+name)
		rec.Await(t, "ConnOffline", 1)
		require.NoError(t, c.Close())
	}
}

func TestCloseIsBoundedThoughThePeerHasStoppedReading(t *testing.T) {
	t.Parallel()
	l, address := harness.Listen(t)
	accepted := make(chan geminio.End, 1)
	go func() {
		end, err := l.AcceptEnd()
		assertNil(t, err)
		accepted <- end
	}()
	raw := harness.DialRaw(t, address)
	s := harness.Get(t, accepted, "the End")
	go func() {
		for {
			if _, err := s.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}()
	// what the peer allows beyond the buffers of the kernel is never taken
	raw.Send(harness.Frame(packet.TypeCredit, 0, 1, packet.AppendCredit(nil, packet.Credit{Limit: 1 << 32})))
	for range 200 {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		err := s.Publish(ctx, message(s, make([]byte, 60_000), options.CnssAtMostOnce))
		cancel()
		if err != nil {
			break
		}
	}
	require.Less(t, took(func() { require.NoError(t, s.Close()) }), 5500*time.Millisecond)
}

func TestConstructorSucceedsThoughThePeerClosesRightAfterAccept(t *testing.T) {
	t.Parallel()
	l, address := harness.Listen(t)
	done := harness.Go(func() error {
		for range 100 {
			end, err := l.AcceptEnd()
			if err != nil {
				return err
			}
			end.Close()
		}
		return nil
	})
	for i := range 100 {
		end, err := client.NewEnd("tcp", address, harness.ClientOptions())
		require.NoError(t, err, i)
		require.NoError(t, end.Close())
	}
	require.NoError(t, harness.Get(t, done, "the accept loop"))
}

func TestAClosedEndStillKnowsWhoItWas(t *testing.T) {
	t.Parallel()
	copts := harness.ClientOptions()
	copts.SetMeta([]byte("meta"))
	describe := func(d delegate.ConnDescriber) string {
		return fmt.Sprint(d.ClientID(), string(d.Meta()), d.LocalAddr(), d.RemoteAddr(), d.Side())
	}
	atOffline := make(chan string, 1)
	rec := &harness.Recorder{Offline: func(d delegate.ConnDescriber) error {
		atOffline <- describe(d)
		return nil
	}}
	sopts := server.NewEndOptions()
	sopts.SetDelegate(rec)
	c, s := harness.Ends(t, harness.TCP, copts, sopts)
	before := [2]string{describe(c), describe(s)}
	require.NoError(t, c.Close())
	require.Equal(t, before[1], harness.Get(t, atOffline, "ConnOffline"))
	require.NoError(t, s.Close())
	require.Equal(t, before, [2]string{describe(c), describe(s)})
}
