package session

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/chaos"
	"github.com/singchia/geminio/test/harness"
)

// A watcher is a delegate of either side that keeps, beside what a Recorder
// does, when a connection was lost and when another one came.
type watcher struct {
	harness.Recorder

	mu                 sync.Mutex
	suspended, resumed []time.Time
}

var _ delegate.SuspendDelegate = (*watcher)(nil)

func (w *watcher) ConnSuspended(delegate.ConnDescriber) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.suspended = append(w.suspended, time.Now())
}

func (w *watcher) ConnResumed(delegate.ConnDescriber) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resumed = append(w.resumed, time.Now())
}

func (w *watcher) counts() (suspended, resumed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.suspended), len(w.resumed)
}

// lost returns when the first connection was.
func (w *watcher) lost() (at time.Time, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.suspended) == 0 {
		return time.Time{}, false
	}
	return w.suspended[0], true
}

// undisturbed requires that n sessions began and that none has ended, whatever
// became of the connections.
func (w *watcher) undisturbed(tb testing.TB, n int) {
	tb.Helper()
	require.Len(tb, w.Of("ConnOnline"), n)
	require.Empty(tb, w.Of("ConnOffline"))
	require.Empty(tb, w.Of("EndReOnline"))
}

// A world is a server in memory, with the network before it.
type world struct {
	*chaos.Listener
	down   atomic.Bool // whoever dials is refused
	server watcher
	ends   chan geminio.End
}

// newWorld returns a world whose connections follow the scripts; nil is no
// fault. Each End that the server accepts answers every call with its data.
func newWorld(tb testing.TB, script func(n int) chaos.Script, opts ...*server.EndOptions) *world {
	tb.Helper()
	w := &world{ends: make(chan geminio.End, 100)}
	w.Listener = chaos.NewListener(func(n int) chaos.Script {
		if w.down.Load() {
			return chaos.Script{{Fault: chaos.Refuse{}}}
		}
		if script == nil {
			return nil
		}
		return script(n)
	})
	sopts := server.MergeEndOptions(append([]*server.EndOptions{harness.ServerOptions()}, opts...)...)
	sopts.SetDelegate(&w.server)
	l, err := server.NewListener(w.Listener, sopts)
	require.NoError(tb, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			end, err := l.AcceptEnd()
			if err != nil {
				return
			}
			if err := end.Hijack(harness.Echo); err != nil {
				tb.Errorf("hijack: %v", err)
			}
			w.ends <- end
		}
	}()
	tb.Cleanup(func() {
		l.Close()
		<-done
	})
	return w
}

// join connects a client, and returns both sides and what watches the client.
// Both are closed at the end of the test.
func (w *world) join(tb testing.TB, opts ...*client.EndOptions) (near, far geminio.End, watch *watcher) {
	tb.Helper()
	watch = &watcher{}
	copts := client.MergeEndOptions(append([]*client.EndOptions{harness.ClientOptions()}, opts...)...)
	copts.SetDelegate(watch)
	near, err := client.NewRetryEndWithDialer(w.Dial, copts)
	require.NoError(tb, err)
	require.NoError(tb, near.Hijack(harness.Echo))
	far = <-w.ends
	tb.Cleanup(func() { harness.CloseBoth(near, far) })
	return near, far, watch
}

// echo makes one call.
func echo(end geminio.End, text string) error {
	rsp, err := end.Call(context.Background(), "echo", end.NewRequest([]byte(text)))
	if err != nil {
		return err
	}
	if string(rsp.Data()) != text {
		return fmt.Errorf("%q came back as %q", text, rsp.Data())
	}
	return nil
}
