package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/singchia/geminio"
)

// pace is how long a workload waits between one thing and the next.
const pace = 2 * time.Millisecond

// workload keeps an End busy with calls, messages and a stream, which the peer
// echoes. Nothing of it may fail.
type workload struct {
	end    geminio.End
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	done   [3]atomic.Int64 // of calls, messages, blocks of the stream
}

var errStopped = errors.New("stopped")

func work(end geminio.End) *workload {
	w := &workload{end: end}
	w.ctx, w.cancel = context.WithCancelCause(context.Background())
	for i, step := range []func(n int64) error{w.call, w.publish} {
		w.loop(i, func() (func(int64) error, error) { return step, nil })
	}
	w.loop(2, w.openStream)
	return w
}

// loop repeats a step, which begin returns, until the workload ends. The first
// error of any step ends it.
func (w *workload) loop(i int, begin func() (step func(n int64) error, err error)) {
	w.wg.Add(1)
	go func() {
		defer w.wg.Done()
		tick := time.NewTicker(pace)
		defer tick.Stop()
		step, err := begin()
		for err == nil {
			if err = step(w.done[i].Load()); err == nil {
				w.done[i].Add(1)
			}
			select {
			case <-tick.C:
			case <-w.ctx.Done():
				return
			}
		}
		w.cancel(err) // the first cause stays
	}()
}

func (w *workload) call(n int64) error {
	text := fmt.Sprint(n)
	rsp, err := w.end.Call(w.ctx, echo, w.end.NewRequest([]byte(text)))
	if err == nil && string(rsp.Data()) != text {
		err = fmt.Errorf("%q came back", rsp.Data())
	}
	if err != nil {
		return fmt.Errorf("call %d: %w", n, err)
	}
	return nil
}

func (w *workload) publish(n int64) error {
	if err := w.end.Publish(w.ctx, w.end.NewMessage([]byte(fmt.Sprint(n)))); err != nil {
		return fmt.Errorf("message %d: %w", n, err)
	}
	return nil
}

// openStream returns a step that has a block echoed.
func (w *workload) openStream() (func(n int64) error, error) {
	stream, err := w.end.OpenStream()
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	context.AfterFunc(w.ctx, func() { _ = stream.Close() })
	sent, got := make([]byte, 64<<10), make([]byte, 64<<10)
	written := make(chan error, 1)
	return func(n int64) error {
		for i := range sent {
			sent[i] = byte(int64(i)*7 + int64(i>>8) + n)
		}
		go func() {
			_, err := stream.Write(sent)
			written <- err
		}()
		_, err := io.ReadFull(stream, got)
		err = errors.Join(err, <-written)
		if err == nil && !bytes.Equal(sent, got) {
			err = errors.New("other bytes came back")
		}
		if err != nil {
			return fmt.Errorf("block %d: %w", n, err)
		}
		return nil
	}, nil
}

// more waits until each part of the workload has done n more steps, of which
// the last n-1 began after the call. It tells false if the workload has ended
// before.
func (w *workload) more(n int64) bool {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := range w.done {
		for before := w.done[i].Load(); w.done[i].Load() < before+n; {
			select {
			case <-tick.C:
			case <-w.ctx.Done():
				return false
			}
		}
	}
	return true
}

// stop ends the workload and returns what has ended it before.
func (w *workload) stop() error {
	w.cancel(errStopped)
	w.wg.Wait()
	if err := context.Cause(w.ctx); err != errStopped {
		return err
	}
	return nil
}
