package main

import (
	"context"
	"errors"
	"sync"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
)

// outbox publishes what was typed, and prints the outcome of each message.
type outbox struct {
	opts *common
	say  func(format string, args ...any)
	wg   sync.WaitGroup // those whose outcome is not known

	mu     sync.Mutex // guards what follows
	last   int        // number of the last message published
	failed bool       // an outcome was not good
}

// publish publishes to one End, and waits for no more than room to send.
func (out *outbox) publish(ctx context.Context, end geminio.End, topic, text string) {
	out.mu.Lock()
	out.last++
	n := out.last
	out.mu.Unlock()

	opts := options.NewMessage()
	opts.SetTopic(topic)
	opts.SetCnss(deliveries[out.opts.delivery])
	msg := end.NewMessage([]byte(text), opts)
	msg.SetTimeout(out.opts.timeout)
	out.say("sending %d to %d [%s] %s", n, end.ClientID(), topic, text)
	pending, err := end.PublishAsync(ctx, msg, nil)
	if err != nil {
		out.outcome(n, err, false)
		return
	}
	out.wg.Add(1)
	go func() {
		defer out.wg.Done()
		<-pending.Done
		out.outcome(n, pending.Error, true)
	}()
}

// outcome says what has become of message n. Handed says that it was handed to
// the library, so that it may have arrived.
func (out *outbox) outcome(n int, err error, handed bool) {
	var (
		refused *geminio.RemoteError
		ended   *geminio.CallError
	)
	switch {
	case err == nil && out.opts.delivery == "most":
		out.say("sent %d", n)
		return
	case err == nil:
		out.say("done %d", n)
		return
	case errors.As(err, &refused):
		out.say("error %d: %v", n, err)
	case !handed, errors.As(err, &ended) && !ended.MaybeExecuted:
		out.say("not delivered %d: %v", n, err)
	default:
		out.say("unknown %d: %v", n, err)
	}
	out.fail()
}

// fail says that not all was published, or acknowledged.
func (out *outbox) fail() {
	out.mu.Lock()
	defer out.mu.Unlock()
	out.failed = true
}

// wait waits for all outcomes, as long as ctx allows: the rest have one when the
// End is closed.
func (out *outbox) wait(ctx context.Context) {
	all := make(chan struct{})
	go func() {
		out.wg.Wait()
		close(all)
	}()
	select {
	case <-all:
	case <-ctx.Done():
	}
}

// verdict is about the outcomes so far.
func (out *outbox) verdict() error {
	out.mu.Lock()
	defer out.mu.Unlock()
	if out.failed {
		return errNotAll
	}
	return nil
}
