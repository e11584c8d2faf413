//go:build go1.25

package conn

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/singchia/go-timer/v2"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/memnet"
)

// A watchedTimer is a user's timer that looks at how it is used.
type watchedTimer struct {
	timer.Timer
	t testing.TB
	c *Conn // set before Start

	mu            sync.Mutex
	adds, cancels int
}

func (w *watchedTimer) Add(d time.Duration, opts ...timer.TickOption) timer.Tick {
	w.look("Add")
	w.mu.Lock()
	w.adds++
	w.mu.Unlock()
	return &watchedTick{w.Timer.Add(d, opts...), w}
}

type watchedTick struct {
	timer.Tick
	w *watchedTimer
}

func (k *watchedTick) Cancel() error {
	k.w.look("Cancel")
	k.w.mu.Lock()
	k.w.cancels++
	k.w.mu.Unlock()
	return k.Tick.Cancel()
}

// look checks that the caller is not the reader and holds no lock.
func (w *watchedTimer) look(what string) {
	stack := make([]byte, 16<<10)
	stack = stack[:runtime.Stack(stack, false)]
	for _, loop := range []string{"readLoop", ".flush("} {
		if strings.Contains(string(stack), loop) {
			w.t.Errorf("%s is called on %s", what, loop)
		}
	}
	for _, mu := range []*sync.Mutex{&w.c.mu, &w.c.beater.mu} {
		free := false
		for i := 0; i < 1e6 && !free; i++ {
			if free = mu.TryLock(); free {
				mu.Unlock()
			}
			runtime.Gosched()
		}
		if !free {
			w.t.Errorf("%s is called with a lock held", what)
		}
	}
}

// beating starts a client whose beat runs on timer, and its peer.
func beating(t *testing.T, tm timer.Timer) (*watchedTimer, *recorder, *peer, func() []time.Duration) {
	a, b := memnet.Pipe()
	w := &watchedTimer{Timer: tm, t: t}
	c := newConn(a, Config{Heartbeat: s, Timer: w}.withDefaults(), true, 7, nil, &packet.Hello{})
	w.c = c
	h := newRecorder(c)
	c.Start(h)
	p := &peer{t: t, nc: b}
	return w, h, p, p.living()
}

// threeMore checks that beats go on, at intervals, behind those before.
func threeMore(t *testing.T, before int, beats []time.Duration) {
	t.Helper()
	require.GreaterOrEqual(t, len(beats), before+3)
	for i := len(beats) - 2; i < len(beats); i++ {
		require.InDelta(t, s, beats[i]-beats[i-1], float64(50*time.Millisecond))
	}
}

func TestTheBeatRunsOnTheTimerThatIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := timer.NewTimer()
		w, h, p, beats := beating(t, tm)
		time.Sleep(4*s + s/2)
		threeMore(t, 0, beats())
		require.False(t, w.c.beater.fellBack)
		require.NoError(t, p.nc.Close())
		require.Error(t, h.ended(t))
		synctest.Wait()
		require.Equal(t, 1, w.adds)
		require.Equal(t, 1, w.cancels, "the tick is given back")
		tm.Close()
		time.Sleep(s)
	})
}

// TestBeatsSurviveTheirTimer takes the timer away from two connections that
// share it.
func TestBeatsSurviveTheirTimer(t *testing.T) {
	for name, away := range map[string]func(timer.Timer){
		"closed": timer.Timer.Close,
		"paused": timer.Timer.Pause,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tm := timer.NewTimer()
				_, h1, p1, beats1 := beating(t, tm)
				_, h2, p2, beats2 := beating(t, tm)
				time.Sleep(2*s + s/2)
				n1, n2 := len(beats1()), len(beats2())
				require.NotZero(t, n1)
				require.NotZero(t, n2)
				away(tm)
				time.Sleep(6 * s)
				threeMore(t, n1, beats1())
				threeMore(t, n2, beats2())
				for i, h := range []*recorder{h1, h2} {
					require.Empty(t, h.endings)
					require.NoError(t, []*peer{p1, p2}[i].nc.Close())
					require.Error(t, h.ended(t))
				}
				synctest.Wait()
				tm.Moveon() // so that Close ends its goroutines
				tm.Close()
				time.Sleep(s)
			})
		})
	}
}

func TestATimerThatComesClosedIsNoObstacle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := timer.NewTimer()
		tm.Close()
		time.Sleep(s)
		_, h, p, beats := beating(t, tm)
		time.Sleep(4*s + s/2)
		threeMore(t, 0, beats())
		require.Less(t, beats()[0], s/2, "the first goes out at once: it may be late")
		require.NoError(t, p.nc.Close())
		require.Error(t, h.ended(t))
	})
}

func TestAConnectionThatEndsWhileAddIsCalledGivesTheTickBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := timer.NewTimer()
		w := &watchedTimer{Timer: tm, t: t, c: idle(t)}
		b := newBeater(w, s, func() { t.Error("a beat after the end") })
		w.c.beater = b
		b.stop()
		b.start()
		synctest.Wait()
		require.Equal(t, 1, w.cancels)
		time.Sleep(3 * s)
		tm.Close()
		time.Sleep(s)
	})
}
