package work

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type task func()

func (t task) Run() { t() }

func TestTasksRunSideBySide(t *testing.T) {
	var p Pool
	const n = 100
	var all sync.WaitGroup
	all.Add(n)
	start := make(chan struct{})
	for range n {
		p.Go(task(func() {
			all.Done()
			<-start // none returns before all have begun
		}))
	}
	all.Wait()
	close(start)
}

func TestGoroutinesAreUsedAgainAndGoAway(t *testing.T) {
	var p Pool
	var ran atomic.Int32
	done := make(chan struct{})
	for range 1000 {
		p.Go(task(func() {
			ran.Add(1)
			done <- struct{}{}
		}))
		<-done
	}
	require.EqualValues(t, 1000, ran.Load())
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.count == 0 && p.idle == nil && !p.armed
	}, 5*time.Second, time.Millisecond)
}

func TestATaskMayEndItsGoroutine(t *testing.T) {
	var p Pool
	ended := make(chan struct{})
	p.Go(task(func() {
		defer close(ended)
		runtime.Goexit()
	}))
	<-ended
	ran := make(chan struct{})
	p.Go(task(func() { close(ran) }))
	<-ran
}

func TestManyAtOnce(t *testing.T) {
	var p Pool
	var all sync.WaitGroup
	var ran atomic.Int32
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 2000 {
				all.Add(1)
				p.Go(task(func() {
					ran.Add(1)
					all.Done()
				}))
			}
		}()
	}
	all.Wait()
	require.EqualValues(t, 16000, ran.Load())
}

func TestNothingLingersAfterClose(t *testing.T) {
	var p Pool
	start, ran := make(chan struct{}), make(chan struct{}, 2)
	for range 2 {
		p.Go(task(func() {
			<-start
			ran <- struct{}{}
		}))
	}
	start <- struct{}{}
	<-ran // one may be idle now, one still runs
	p.Close()
	start <- struct{}{}
	<-ran
	p.Go(task(func() { ran <- struct{}{} }))
	<-ran
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Zero(t, p.count)
	require.False(t, p.armed)
}
