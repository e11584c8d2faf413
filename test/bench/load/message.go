package load

import (
	"context"
	"sync"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/test/bench/floor"
)

// Messages publishes messages that the far side receives and acknowledges. An
// operation is one acknowledged message.
type Messages struct {
	run   func(n int) error
	close func()
}

// Run publishes n messages and returns when all are acknowledged.
func (m *Messages) Run(n int) error { return m.run(n) }

// Close closes the connection.
func (m *Messages) Close() { m.close() }

// NewMessages has so many publishers, each of which waits for the
// acknowledgement before it publishes again.
func NewMessages(publishers, size int) (*Messages, error) {
	ends, closeAll, err := receiver()
	if err != nil {
		return nil, err
	}
	ctx, payload := context.Background(), pattern(size)
	return &Messages{close: closeAll, run: func(n int) error {
		return share(n, publishers, func(int) error {
			return ends.Near.Publish(ctx, ends.Near.NewMessage(payload))
		})
	}}, nil
}

// NewAsyncMessages has one publisher that does not wait until window messages
// are unacknowledged.
func NewAsyncMessages(window, size int) (*Messages, error) {
	ends, closeAll, err := receiver()
	if err != nil {
		return nil, err
	}
	ctx, payload := context.Background(), pattern(size)
	done := make(chan *geminio.Publish, window)
	return &Messages{close: closeAll, run: func(n int) error {
		return pipeline(n, window, func() error {
			_, err := ends.Near.PublishAsync(ctx, ends.Near.NewMessage(payload), done)
			return err
		}, func() error {
			return (<-done).Error
		})
	}}, nil
}

// receiver returns a connection whose far side acknowledges every message.
func receiver() (ends *Ends, closeAll func(), err error) {
	ends, err = Connect()
	if err != nil {
		return nil, nil, err
	}
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			msg, err := ends.Far.Receive(context.Background())
			if err != nil {
				return
			}
			if msg.Done() != nil {
				return
			}
		}
	}()
	return ends, func() { ends.Close(); wg.Wait() }, nil
}

// NewFloorMessages is NewMessages over the least that a message can be, or
// NewAsyncMessages where window is not 0.
func NewFloorMessages(publishers, window, size int) (*Messages, error) {
	raw, err := TCP(1)
	if err != nil {
		return nil, err
	}
	near := floor.New(raw.Near[0], nil, 0)
	far := floor.New(raw.Far[0], nil, max(publishers, window))
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			msg, ok := far.Receive()
			if !ok {
				return
			}
			msg.Ack()
		}
	}()
	payload := pattern(size)
	m := &Messages{close: func() { near.Close(); far.Close(); wg.Wait() }}
	acked := make(chan []byte, window)
	m.run = func(n int) error {
		if window == 0 {
			return share(n, publishers, func(int) error { return near.Publish(payload) })
		}
		return pipeline(n, window, func() error {
			return near.PublishAsync(payload, acked)
		}, func() error {
			if <-acked == nil {
				return floor.ErrClosed
			}
			return nil
		})
	}
	return m, nil
}

// pipeline begins n operations, and waits for one to end where window of them
// have not.
func pipeline(n, window int, begin, end func() error) error {
	open := 0
	for range n {
		if open == window {
			if err := end(); err != nil {
				return err
			}
			open--
		}
		if err := begin(); err != nil {
			return err
		}
		open++
	}
	for ; open > 0; open-- {
		if err := end(); err != nil {
			return err
		}
	}
	return nil
}
