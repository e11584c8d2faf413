//go:build go1.25

package e2e

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/singchia/go-timer/v2"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/harness"
	"github.com/singchia/geminio/test/memnet"
)

// wire is a pair of Ends over a connection in memory.
type wire struct {
	c, s   geminio.End
	cc, sc *memnet.Conn
	crec   *harness.Recorder
	srec   *harness.Recorder
}

func wired(t *testing.T, copts *client.EndOptions, sopts *server.EndOptions) wire {
	t.Helper()
	return wiredTo(t, &harness.Recorder{}, copts, sopts)
}

func wiredTo(t *testing.T, srec *harness.Recorder, copts *client.EndOptions, sopts *server.EndOptions) wire {
	t.Helper()
	w := wire{crec: &harness.Recorder{}, srec: srec}
	w.cc, w.sc = memnet.Pipe()
	copts, sopts = client.MergeEndOptions(copts), server.MergeEndOptions(sopts)
	copts.SetDelegate(w.crec)
	sopts.SetDelegate(w.srec)
	var err error
	w.c, w.s, err = harness.Join(w.cc, w.sc, copts, sopts)
	require.NoError(t, err)
	t.Cleanup(func() {
		w.cc.Break(io.ErrClosedPipe)
		harness.CloseBoth(w.c, w.s)
	})
	return w
}

const (
	interval = 20 * time.Second
	silence  = 2*interval + 5*time.Second
)

func TestABeatArrivesEachIntervalWhateverElseIsSent(t *testing.T) {
	traffic := map[string]func(w wire, stop <-chan struct{}){
		"nothing": func(wire, <-chan struct{}) {},
		"bytes both ways": func(w wire, stop <-chan struct{}) {
			for _, end := range []geminio.End{w.c, w.s} {
				go func() { _, _ = io.Copy(io.Discard, end) }()
				go func() {
					for {
						select {
						case <-time.After(time.Second):
							_, _ = end.Write(make([]byte, 10_000))
						case <-stop:
							return
						}
					}
				}()
			}
		},
		"a full stream": func(w wire, _ <-chan struct{}) {
			go func() { _, _ = w.c.Write(make([]byte, 64<<20)) }()
			go func() { _, _ = w.s.Write(make([]byte, 64<<20)) }()
		},
	}
	for name, send := range traffic {
		t.Run(name, func(t *testing.T) {
			harness.Virtual(t, func(t *testing.T) {
				w := wired(t, nil, nil)
				stop := make(chan struct{})
				send(w, stop)
				for n := 1; n <= 10; n++ {
					time.Sleep(interval)
					synctest.Wait()
					require.InDelta(t, n, len(w.srec.Of("Heartbeat")), 1)
				}
				require.Equal(t, w.c.ClientID(), w.srec.Of("Heartbeat")[0].ClientID)
				require.Empty(t, w.crec.Of("Heartbeat"))
				close(stop)
			})
		})
	}
}

func TestSmallerIntervalOfBothSidesCounts(t *testing.T) {
	for _, offers := range [][2]time.Duration{{4 * time.Second, 0}, {0, 4 * time.Second}, {4 * time.Second, time.Minute}} {
		harness.Virtual(t, func(t *testing.T) {
			copts, sopts := client.NewEndOptions(), server.NewEndOptions()
			copts.SetHeartbeat(offers[0])
			sopts.SetHeartbeat(offers[1])
			w := wired(t, copts, sopts)
			time.Sleep(41 * time.Second)
			synctest.Wait()
			require.InDelta(t, 10, len(w.srec.Of("Heartbeat")), 1)
			began := time.Now()
			w.cc.Stall(true)
			w.sc.Stall(true)
			_, err := w.s.Receive(context.Background())
			is(t, io.EOF, err)
			require.LessOrEqual(t, time.Since(began), 13*time.Second)
		})
	}
}

func TestASlowHeartbeatCallbackHoldsUpNothing(t *testing.T) {
	harness.Virtual(t, func(t *testing.T) {
		release := make(chan struct{})
		rec := &harness.Recorder{Beat: func(delegate.ConnDescriber) error {
			<-release
			return nil
		}}
		w := wiredTo(t, rec, nil, nil)
		require.NoError(t, w.s.Hijack(harness.Echo))
		time.Sleep(5*interval + time.Second)
		require.Equal(t, "on", call(t, w.c, "echo", "on"))
		close(release)
		synctest.Wait()
		require.InDelta(t, 5, len(w.srec.Of("Heartbeat")), 1)
	})
}

func TestEitherSideThatHearsNothingEndsInTime(t *testing.T) {
	for name, deaf := range map[string]func(w wire) (end geminio.End, rec *harness.Recorder){
		"server": func(w wire) (geminio.End, *harness.Recorder) {
			w.cc.Stall(true)
			return w.s, w.srec
		},
		"client": func(w wire) (geminio.End, *harness.Recorder) {
			w.sc.Stall(true)
			return w.c, w.crec
		},
	} {
		t.Run(name, func(t *testing.T) {
			for busy, prepare := range map[string]func(end, peer geminio.End) (failed <-chan error){
				"idle":      func(geminio.End, geminio.End) <-chan error { return nil },
				"and sends": func(geminio.End, geminio.End) <-chan error { return nil },
				"in a call": func(end, peer geminio.End) <-chan error {
					_ = peer.Hijack(func(ctx context.Context, _ string, _ geminio.Request, _ geminio.Response) { <-ctx.Done() })
					return harness.Go(func() error {
						_, err := end.Call(context.Background(), "wait", end.NewRequest(nil))
						return err
					})
				},
				"in a write": func(end, _ geminio.End) <-chan error {
					return harness.Go(func() error {
						_, err := end.Write(make([]byte, 64<<20))
						return err
					})
				},
			} {
				t.Run(busy, func(t *testing.T) {
					harness.Virtual(t, func(t *testing.T) {
						w := wired(t, nil, nil)
						end, peer := w.s, w.c
						if name == "client" {
							end, peer = w.c, w.s
						}
						failed := prepare(end, peer)
						time.Sleep(time.Second) // what was sent is acknowledged
						began := time.Now()
						_, rec := deaf(w)
						within := silence
						if busy == "and sends" {
							_, err := end.Write([]byte("x"))
							require.NoError(t, err)
							within = 7 * time.Second
						}
						_, err := end.AcceptStream()
						is(t, io.EOF, err)
						require.InDelta(t, within.Seconds(), time.Since(began).Seconds(), 1)
						_, err = end.Read(make([]byte, 1))
						isLost(t, err)
						if failed != nil {
							require.ErrorIs(t, <-failed, geminio.ErrSessionLost)
						}
						synctest.Wait()
						require.Len(t, rec.Of("ConnOffline"), 1)
					})
				})
			}
		})
	}
}

func TestASlowLinkIsNotTakenForADeadPeer(t *testing.T) {
	harness.Virtual(t, func(t *testing.T) {
		w := wired(t, nil, nil)
		w.cc.Delay(3 * time.Second)
		w.sc.Delay(3 * time.Second)
		require.NoError(t, w.s.Hijack(harness.Echo))
		for range 20 {
			time.Sleep(interval)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			began := time.Now()
			_, err := w.c.Call(ctx, "echo", w.c.NewRequest(nil))
			cancel()
			require.NoError(t, err)
			require.InDelta(t, 6, time.Since(began).Seconds(), 0.5)
		}
	})
}

func TestTwoEndsLiveOnThoughTheirSharedTimerIsClosed(t *testing.T) {
	for name, stop := range map[string]func(timer.Timer){
		"closed": func(tm timer.Timer) { tm.Close() },
		"paused": func(tm timer.Timer) { tm.Pause() },
	} {
		t.Run(name, func(t *testing.T) {
			harness.Virtual(t, func(t *testing.T) {
				shared := timer.NewTimer(timer.WithTimeInterval(100 * time.Millisecond))
				if name == "paused" {
					defer shared.Close()
					defer shared.Moveon()
				}
				copts, sopts := client.NewEndOptions(), server.NewEndOptions()
				copts.SetTimer(shared)
				sopts.SetTimer(shared)
				pairs := []wire{wired(t, copts, sopts), wired(t, copts, sopts)}
				time.Sleep(2*interval + time.Second)
				for _, w := range pairs {
					require.NoError(t, w.s.Hijack(harness.Echo))
				}
				stop(shared)
				for range 4 {
					time.Sleep(interval)
					for _, w := range pairs {
						require.Equal(t, "on", call(t, w.c, "echo", "on"))
					}
				}
				for _, w := range pairs {
					require.InDelta(t, 6, len(w.srec.Of("Heartbeat")), 1)
				}
			})
		})
	}
}

func TestDeadlinesAndTimeoutsEndWhenTheyShould(t *testing.T) {
	harness.Virtual(t, func(t *testing.T) {
		sopts := server.NewEndOptions()
		release := make(chan struct{})
		sopts.SetAcceptStreamFunc(func(geminio.Stream) { <-release })
		w := wired(t, nil, sopts)
		defer close(release)
		after := func(d time.Duration, want error, f func() error) {
			t.Helper()
			began := time.Now()
			require.ErrorIs(t, f(), want)
			require.InDelta(t, d.Seconds(), time.Since(began).Seconds(), 0.01)
		}
		after(3*time.Second, os.ErrDeadlineExceeded, func() error {
			require.NoError(t, w.c.SetReadDeadline(time.Now().Add(3*time.Second)))
			_, err := w.c.Read(make([]byte, 1))
			return err
		})
		after(4*time.Second, os.ErrDeadlineExceeded, func() error {
			require.NoError(t, w.c.SetWriteDeadline(time.Now().Add(4*time.Second)))
			_, err := w.c.Write(make([]byte, 64<<20))
			return err
		})
		require.NoError(t, w.s.Hijack(func(context.Context, string, geminio.Request, geminio.Response) { <-release }))
		after(5*time.Second, geminio.ErrTimeout, func() error {
			opts := options.Call()
			opts.SetTimeout(5 * time.Second)
			_, err := w.c.Call(context.Background(), "wait", w.c.NewRequest(nil), opts)
			return err
		})
		after(6*time.Second, context.DeadlineExceeded, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
			defer cancel()
			return w.c.Publish(ctx, w.c.NewMessage(nil))
		})
		after(30*time.Second, geminio.ErrTimeout, func() error {
			_, err := w.c.OpenStream()
			return err
		})
	})
}

func TestAHandshakeWithASilentPeerEndsAfterTenSeconds(t *testing.T) {
	for name, connect := range map[string]func(mine *memnet.Conn) error{
		"client": func(mine *memnet.Conn) error {
			_, err := client.NewEndWithConn(mine, harness.ClientOptions())
			return err
		},
		"server": func(mine *memnet.Conn) error {
			_, err := server.NewEndWithConn(mine, harness.ServerOptions())
			return err
		},
	} {
		for _, dribble := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				harness.Virtual(t, func(t *testing.T) {
					mine, peer := memnet.Pipe()
					if dribble { // one byte a second wins no time
						hello := harness.ConnPacket(harness.RawHello())
						if name == "client" {
							hello[1] = 2
						}
						go func() {
							for _, b := range hello {
								if _, err := peer.Write([]byte{b}); err != nil {
									return
								}
								time.Sleep(time.Second)
							}
						}()
					}
					began := time.Now()
					require.Error(t, connect(mine))
					require.InDelta(t, 10, time.Since(began).Seconds(), 0.1)
					_, err := mine.Write([]byte("x"))
					require.Error(t, err, "the connection is left open")
					require.NoError(t, peer.Close())
				})
			})
		}
	}
}

func TestCloseIsBoundedThoughThePeerIsSilent(t *testing.T) {
	harness.Virtual(t, func(t *testing.T) {
		w := wired(t, nil, nil)
		go func() { _, _ = w.c.Write(make([]byte, 64<<20)) }()
		synctest.Wait()
		w.sc.Stall(true)
		w.cc.Stall(true)
		began := time.Now()
		require.NoError(t, w.c.Close())
		require.LessOrEqual(t, time.Since(began), 5*time.Second)
		time.Sleep(silence)
		synctest.Wait()
		require.Len(t, w.crec.Of("ConnOffline"), 1)
		_, err := w.cc.Write([]byte("x"))
		require.Error(t, err, "the connection drains for ever")
		require.False(t, errors.Is(err, os.ErrDeadlineExceeded))
	})
}
