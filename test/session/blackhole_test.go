//go:build go1.25

package session

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/chaos"
	"github.com/singchia/geminio/test/harness"
)

const (
	beat = 20 * time.Second

	// idleNotice and busyNotice are how long a black hole may go unnoticed:
	// where nothing is sent but beats, and where what was sent is unanswered.
	idleNotice = 2*beat + 5*time.Second
	busyNotice = 8 * time.Second
)

// patient returns options of a server whose sessions outlive both sides'
// noticing.
func patient() *server.EndOptions {
	opts := server.NewEndOptions()
	opts.SetResumeGrace(5 * time.Minute)
	return opts
}

// holed is a world whose only connection fell into a black hole at a time, and
// to which nobody gets.
type holed struct {
	*world
	near, far geminio.End
	client    *watcher
	began     time.Time
}

func newHoled(t *testing.T, hole chaos.Direction, opts ...*client.EndOptions) holed {
	t.Helper()
	h := holed{world: newWorld(t, nil, patient())}
	h.near, h.far, h.client = h.join(t, opts...)
	require.NoError(t, echo(h.near, "before"))
	require.NoError(t, echo(h.far, "before"))
	time.Sleep(time.Second) // all is acknowledged
	h.down.Store(true)
	h.Inject(hole, chaos.BlackHole{})
	h.began = time.Now()
	return h
}

// noticed returns after how long a side noticed, at most limit.
func (h holed) noticed(t *testing.T, side string, w *watcher, limit time.Duration) {
	t.Helper()
	for {
		at, ok := w.lost()
		if ok {
			require.LessOrEqual(t, at.Sub(h.began), limit, side)
			return
		}
		require.LessOrEqual(t, time.Since(h.began), limit, "%s notices nothing", side)
		time.Sleep(10 * time.Millisecond)
	}
}

// heal lets connections through again, and requires that the session goes on.
func (h holed) heal(t *testing.T) {
	t.Helper()
	h.down.Store(false)
	require.NoError(t, echo(h.near, "after"))
	require.NoError(t, echo(h.far, "after"))
	h.client.undisturbed(t, 1)
	h.server.undisturbed(t, 1)
}

var holes = []chaos.Direction{chaos.Both, chaos.Up, chaos.Down}

func TestAnIdleBlackHoleIsNoticedByBothSidesWithinTwoBeatsAndFiveSeconds(t *testing.T) {
	for _, interval := range []time.Duration{beat, 4 * time.Second} {
		for _, hole := range holes {
			t.Run(fmt.Sprint(interval, hole), func(t *testing.T) {
				harness.Virtual(t, func(t *testing.T) {
					opts := client.NewEndOptions()
					opts.SetHeartbeat(interval)
					h := newHoled(t, hole, opts)
					h.noticed(t, "client", h.client, 2*interval+5*time.Second)
					h.noticed(t, "server", &h.server, 2*interval+5*time.Second)
					h.heal(t)
				})
			})
		}
	}
}

func TestABlackHoleIsNoticedWithinEightSecondsWhereBytesAreUnanswered(t *testing.T) {
	for name, send := range map[string]func(end geminio.End) error{
		"bytes": func(end geminio.End) error {
			_, err := end.Write([]byte("unanswered"))
			return err
		},
		"a call": func(end geminio.End) error { return echo(end, "unanswered") },
		"a message": func(end geminio.End) error {
			return end.Publish(context.Background(), end.NewMessage([]byte("unanswered")))
		},
		"more than is taken": func(end geminio.End) error {
			_, err := end.Write(make([]byte, 8<<20))
			return err
		},
	} {
		for _, hole := range holes {
			for _, side := range []string{"client", "server"} {
				t.Run(fmt.Sprint(name, " of the ", side, ", hole ", hole), func(t *testing.T) {
					harness.Virtual(t, func(t *testing.T) {
						h := newHoled(t, hole)
						end, peer := h.near, h.far
						limits := map[string]time.Duration{"client": idleNotice, "server": idleNotice, side: busyNotice}
						if side == "server" {
							end, peer = h.far, h.near
						}
						sent := harness.Go(func() error { return send(end) })
						h.noticed(t, "client", h.client, limits["client"])
						h.noticed(t, "server", &h.server, limits["server"])

						go acceptMessages(peer)
						read := make(chan struct{})
						go func() {
							_, _ = io.Copy(io.Discard, peer)
							close(read)
						}()
						h.heal(t)
						require.NoError(t, <-sent, "it goes on over the next connection")
						require.NoError(t, end.Close())
						<-read
					})
				})
			}
		}
	}
}

func TestABlackHoleIsNoticedThoughTheOtherDirectionIsFull(t *testing.T) {
	for _, hole := range holes {
		t.Run(hole.String(), func(t *testing.T) {
			harness.Virtual(t, func(t *testing.T) {
				h := newHoled(t, hole)
				ctx, stop := context.WithCancel(context.Background())
				var working sync.WaitGroup
				for _, way := range [][2]geminio.End{{h.near, h.far}, {h.far, h.near}} {
					const block = 10_000
					working.Add(2)
					go func() {
						defer working.Done()
						for ctx.Err() == nil {
							if _, err := way[0].Write(make([]byte, block)); err != nil {
								t.Errorf("write: %v", err)
								return
							}
							time.Sleep(100 * time.Millisecond)
						}
						if err := way[0].(geminio.CloseWriter).CloseWrite(); err != nil {
							t.Errorf("CloseWrite: %v", err)
						}
					}()
					go func() {
						defer working.Done()
						n, err := io.Copy(io.Discard, way[1])
						if err != nil || n%block != 0 {
							t.Errorf("read %d bytes: %v", n, err)
						}
					}()
				}
				h.noticed(t, "client", h.client, busyNotice)
				h.noticed(t, "server", &h.server, busyNotice)
				h.heal(t)
				stop()
				working.Wait()
			})
		})
	}
}

// acceptMessages calls Done on every message.
func acceptMessages(end geminio.End) {
	for {
		m, err := end.Receive(context.Background())
		if err == io.EOF {
			return
		}
		if err == nil {
			_ = m.Done()
		}
	}
}

func TestWaitingIsNoSuspicion(t *testing.T) {
	const long = 10 * time.Minute
	slow := func(context.Context, string, geminio.Request, geminio.Response) { time.Sleep(long) }
	for name, wait := range map[string]func(t *testing.T, end, peer geminio.End) error{
		"for a handler": func(t *testing.T, end, peer geminio.End) error {
			require.NoError(t, peer.Hijack(slow))
			_, err := end.Call(context.Background(), "slow", end.NewRequest(nil))
			return err
		},
		"for Done": func(t *testing.T, end, peer geminio.End) error {
			go func() {
				m, err := peer.Receive(context.Background())
				if err == nil {
					time.Sleep(long)
					_ = m.Done()
				}
			}()
			return end.Publish(context.Background(), end.NewMessage(nil))
		},
		"for one who receives": func(t *testing.T, end, peer geminio.End) error {
			time.AfterFunc(long, func() {
				m, err := peer.Receive(context.Background())
				if err == nil {
					_ = m.Done()
				}
			})
			return end.Publish(context.Background(), end.NewMessage(nil))
		},
		"for one who reads": func(t *testing.T, end, peer geminio.End) error {
			const size = 32 << 20
			time.AfterFunc(long, func() { _, _ = io.CopyN(io.Discard, peer, size) })
			_, err := end.Write(make([]byte, size))
			return err
		},
		"for bytes, messages and streams": func(t *testing.T, end, peer geminio.End) error {
			require.NoError(t, end.SetReadDeadline(time.Now().Add(long)))
			_, err := end.Read(make([]byte, 1))
			require.Error(t, err)
			ctx, cancel := context.WithTimeout(context.Background(), long)
			defer cancel()
			_, err = end.Receive(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			accepted := harness.Go(func() error {
				_, err := end.AcceptStream()
				return err
			})
			time.Sleep(long)
			_, err = peer.OpenStream()
			require.NoError(t, err)
			return <-accepted
		},
	} {
		for _, side := range []string{"client", "server"} {
			t.Run(name+", "+side, func(t *testing.T) {
				harness.Virtual(t, func(t *testing.T) {
					w := newWorld(t, nil)
					near, far, watch := w.join(t)
					end, peer := near, far
					if side == "server" {
						end, peer = far, near
					}
					began := time.Now()
					require.NoError(t, wait(t, end, peer))
					require.GreaterOrEqual(t, time.Since(began), long)
					synctest.Wait()
					require.Len(t, w.Links(), 1, "the connection is the first one")
					for _, watch := range []*watcher{watch, &w.server} {
						watch.undisturbed(t, 1)
						suspended, _ := watch.counts()
						require.Zero(t, suspended)
					}
				})
			})
		}
	}
}

func TestASlowLinkIsNoBlackHole(t *testing.T) {
	for name, script := range map[string]chaos.Script{
		"delay":     {{Fault: chaos.Delay{Base: 2 * time.Second, Jitter: time.Second}}},
		"bandwidth": {{Fault: chaos.Bandwidth{Rate: 32 << 10, Queue: 64 << 10}}},
	} {
		t.Run(name, func(t *testing.T) {
			harness.Virtual(t, func(t *testing.T) {
				w := newWorld(t, func(int) chaos.Script { return script })
				near, far, watch := w.join(t)
				const size = 1 << 20
				for _, way := range [][2]geminio.End{{near, far}, {far, near}} {
					go func() { _, _ = way[0].Write(make([]byte, size)) }()
				}
				for _, end := range []geminio.End{near, far} {
					n, err := io.CopyN(io.Discard, end, size)
					require.NoError(t, err)
					require.EqualValues(t, size, n)
				}
				for range 20 {
					require.NoError(t, echo(near, "slow"))
				}
				require.Len(t, w.Links(), 1)
				watch.undisturbed(t, 1)
			})
		})
	}
}
