package session

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/test/chaos"
	"github.com/singchia/geminio/test/harness"
)

// A class is what the publisher was told of a message.
type class int

const (
	none class = iota
	done
	refused
	notDelivered
	unknown
)

func (c class) String() string {
	return [...]string{"nothing", "done", "refused", "not delivered", "unknown"}[c]
}

// classify tells what an outcome says.
func classify(err error) (class, error) {
	var remote *geminio.RemoteError
	var call *geminio.CallError
	switch {
	case err == nil:
		return done, nil
	case errors.As(err, &call) && call.MaybeExecuted, errors.Is(err, geminio.ErrTimeout):
		return unknown, nil
	case errors.As(err, &call):
		return notDelivered, nil
	case errors.As(err, &remote) && remote.Text == errRefused.Error():
		return refused, nil
	}
	return none, err
}

// hurried tells which messages have next to no time.
func hurried(id uint64) bool { return id%97 == 5 }

// TestEveryMessageIsInOneClass publishes to a receiver that refuses some, that
// is killed and started again, and whose connection is cut and now and then
// stays away for longer than its session lives.
func TestEveryMessageIsInOneClass(t *testing.T) {
	t.Parallel()
	messages := 10_000
	if soaks() {
		messages = 100_000
	}
	for name, cnss := range map[string]options.Cnss{
		"at most once":     options.CnssAtMostOnce,
		"at least once":    options.CnssAtLeastOnce,
		"effectively once": options.CnssAtEffectiveOnce,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			audit(t, cnss, messages)
		})
	}
}

func audit(t *testing.T, cnss options.Cnss, messages int) {
	const events, size = 6, 1 << 10 // size: of a message, on average
	seed := chaos.Seed(t)
	cuts := chaos.Cuts(seed, messages/300, int64(messages)*size, chaos.Reset{}, chaos.Close{})
	o := &office{t: t, ledger: newLedger(t), received: make(map[uint64]int)}
	o.script = func(n int) chaos.Script {
		if n == 0 {
			return nil // whose handshake must succeed
		}
		return cuts(n - 1)
	}
	o.start()
	defer o.running.Wait()
	defer o.kill()
	watch := &watcher{}
	opts := harness.ClientOptions()
	opts.SetDelegate(watch)
	end, err := client.NewRetryEndWithDialer(o.dial, opts)
	require.NoError(t, err)
	defer end.Close()

	// The receiver's fate, as publishing goes on.
	due := make(chan int, events)
	fate := make(chan struct{})
	go func() {
		defer close(fate)
		for n := range due {
			if n%2 == 0 {
				o.kill()
				o.start()
			} else {
				o.away()
			}
		}
	}()

	outcomes := make(chan *geminio.Publish, 100)
	classes := make(map[uint64]class)
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		for range messages {
			p := <-outcomes
			id := idOf(p.Message)
			c, err := classify(p.Error)
			if err != nil {
				t.Errorf("message %d: %v", id, err)
			}
			if before := classes[id]; before != none {
				t.Errorf("message %d is %v and %v", id, before, c)
			}
			classes[id] = c
		}
	}()

	rnd := rand.New(rand.NewPCG(seed, 5))
	began := time.Now()
	for id := uint64(1); id <= uint64(messages); id++ {
		if n := int(id) * (events + 1) / messages; n > (int(id)-1)*(events+1)/messages && n <= events {
			due <- n
		}
		body := make([]byte, 8+rnd.IntN(2*size))
		if id%500 == 0 {
			body = make([]byte, 100<<10)
		}
		binary.BigEndian.PutUint64(body, id)
		opts := options.NewMessage()
		opts.SetCnss(cnss)
		m := end.NewMessage(body, opts)
		if hurried(id) {
			m.SetTimeout(20 * time.Millisecond)
		}
		if _, err := end.PublishAsync(context.Background(), m, outcomes); err != nil {
			if errors.Is(err, geminio.ErrTimeout) {
				err = &geminio.CallError{Err: err} // nothing was sent
			}
			outcomes <- &geminio.Publish{Message: m, Error: err}
		}
	}
	close(due)
	harness.WaitFor(t, fate, time.Minute, "the receiver's fate")
	harness.WaitFor(t, settled, 2*time.Minute, "the last outcome")
	// What was published at most once has come when what follows it is done.
	last := binary.BigEndian.AppendUint64(nil, uint64(messages+7))
	require.False(t, refuses(uint64(messages+7)))
	require.NoError(t, end.Publish(context.Background(), end.NewMessage(last)))
	took := time.Since(began)

	lines := o.ledger.lines(t)
	o.mu.Lock()
	defer o.mu.Unlock()
	counts := make(map[string]int)
	for id := uint64(1); id <= uint64(messages); id++ {
		c, entered, received := classes[id], lines[id], o.received[id]
		counts[c.String()]++
		say := fmt.Sprintf("message %d is %v, was received %d times, entered %d times", id, c, received, entered)
		require.NotEqual(t, none, c, say)
		require.LessOrEqual(t, entered, received, say)
		if refuses(id) {
			require.Zero(t, entered, say)
		}
		switch c {
		case notDelivered:
			require.Zero(t, received, say)
		case refused:
			require.True(t, refuses(id), say)
			require.Positive(t, received, say)
		}
		switch cnss {
		case options.CnssAtMostOnce:
			require.LessOrEqual(t, received, 1, say)
			require.NotEqual(t, refused, c, say)
		case options.CnssAtLeastOnce:
			if c == done {
				require.Positive(t, entered, say)
			}
			if !hurried(id) {
				require.Contains(t, []class{done, refused}, c, "it is published until there is an answer: "+say)
			}
		case options.CnssAtEffectiveOnce:
			if c == done {
				require.Equal(t, 1, entered, say)
			}
			require.LessOrEqual(t, entered, 1, say)
		}
	}
	suspended, resumed := watch.counts()
	t.Logf("%v: %v; %d processes, %d sessions, %d connections, %d of %d losses resumed; %v",
		cnss, counts, o.began, o.sessions, o.dialed.Load(), resumed, suspended, took.Round(time.Millisecond))
	require.Greater(t, o.sessions, o.began, "sessions end while their process lives")
	require.Greater(t, o.began, events/2)
	require.Positive(t, resumed)
	online := len(watch.Of("ConnOnline"))
	require.Len(t, watch.Of("ConnOffline"), online-1)
	require.Len(t, watch.Await(t, "EndReOnline", online-1), online-1)
}
