package wait

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func woken(w *Waiter) bool {
	select {
	case <-w.C:
		return true
	default:
		return false
	}
}

// list returns q's waiters from front to back, and checks both directions.
func list(t *testing.T, q *Queue) (ws []*Waiter) {
	t.Helper()
	var before *Waiter
	for w := q.Front(); w != nil; w = w.Next() {
		require.Same(t, before, w.prev)
		require.True(t, q.Has(w))
		ws = append(ws, w)
		before = w
	}
	require.Same(t, before, q.tail)
	require.Equal(t, len(ws), q.Len())
	return ws
}

func TestAWakeUpIsKeptUntilItIsLookedAtAndTwoAreOne(t *testing.T) {
	w := New()
	defer w.Put()
	require.False(t, woken(w))
	w.Wake()
	w.Wake() // does not block
	require.True(t, woken(w))
	require.False(t, woken(w))
}

func TestAWaiterComesWithoutAWakeUpOrAnythingElseOfItsLastUse(t *testing.T) {
	var pool Pool
	w := pool.Get()
	w.Size, w.Granted, w.Mark = 5, true, 7
	w.Wake()
	w.Put()
	for range 100 { // the pool may give any
		w := pool.Get()
		require.False(t, woken(w))
		require.Zero(t, w.Size)
		require.False(t, w.Granted)
		require.Zero(t, w.Mark)
		w.Put()
	}
}

func TestAWaiterThatStandsInAQueueIsNotGivenBackNorPutIntoAnother(t *testing.T) {
	var q, other Queue
	w := New()
	q.Push(w)
	require.Panics(t, w.Put)
	require.Panics(t, func() { other.Push(w) })
	require.Panics(t, func() { q.Push(w) })
	require.False(t, other.Remove(w))
	require.True(t, q.Remove(w))
	require.False(t, q.Remove(w))
	w.Put()
}

func TestWakeAllWakesEverybodyAndLeavesThemInLine(t *testing.T) {
	var q Queue
	q.WakeAll()
	ws := []*Waiter{New(), New(), New()}
	for _, w := range ws {
		q.Push(w)
	}
	q.WakeAll()
	require.Equal(t, ws, list(t, &q))
	for _, w := range ws {
		require.True(t, woken(w))
		require.Same(t, w, q.Pop())
		w.Put()
	}
	require.Nil(t, q.Pop())
	require.Nil(t, q.Front())
}

func TestAQueueAgainstAList(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			var q Queue
			var model, outside []*Waiter
			for range 8 {
				outside = append(outside, New())
			}
			for range 500 {
				switch {
				case rnd.IntN(2) == 0 && len(outside) > 0:
					w := outside[0]
					outside = outside[1:]
					q.Push(w)
					model = append(model, w)
				case rnd.IntN(3) == 0:
					w := q.Pop()
					if len(model) == 0 {
						require.Nil(t, w)
						continue
					}
					require.Same(t, model[0], w)
					model = model[1:]
					outside = append(outside, w)
				case len(model) > 0:
					i := rnd.IntN(len(model))
					w := model[i]
					require.True(t, q.Remove(w))
					require.Nil(t, w.Next())
					model = append(model[:i:i], model[i+1:]...)
					outside = append(outside, w)
				}
				got := list(t, &q)
				require.Len(t, got, len(model))
				for i := range model {
					require.Same(t, model[i], got[i])
				}
			}
			for q.Len() > 0 {
				outside = append(outside, q.Pop())
			}
			for _, w := range outside {
				w.Put()
			}
		})
	}
}

// TestNoWakeUpIsLost hands turns from one goroutine to the next through one
// queue under its owner's lock.
func TestNoWakeUpIsLost(t *testing.T) {
	var mu sync.Mutex
	var q Queue
	busy := false
	var inside, done int
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			w := New()
			defer w.Put()
			for range 500 {
				mu.Lock()
				for busy {
					q.Push(w)
					mu.Unlock()
					<-w.C
					mu.Lock()
					q.Remove(w)
				}
				busy = true
				mu.Unlock()
				inside++
				done += inside
				inside--
				mu.Lock()
				busy = false
				if next := q.Front(); next != nil {
					next.Wake()
				}
				mu.Unlock()
			}
		}()
	}
	all.Wait()
	require.Equal(t, 8*500, done)
}
