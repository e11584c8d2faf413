package load

import (
	"sync/atomic"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// messages has publishers that wait for the acknowledgement before they
// publish again. An operation is one acknowledged message.
type messages struct {
	conn       peer.Messenger
	publishers int
	payload    []byte
}

func newMessages(open func() (peer.Messenger, error), publishers, size int) (load, error) {
	conn, err := open()
	if err != nil {
		return nil, err
	}
	return &messages{conn: conn, publishers: publishers, payload: pattern(size)}, nil
}

func (m *messages) run(stop *atomic.Bool) (int64, error) {
	return workers(m.publishers, stop, func(int) error { return m.conn.Publish(m.payload) })
}

func (m *messages) bytes() int { return len(m.payload) }

func (m *messages) close() error { return m.conn.Close() }

// async has one publisher that waits only where window messages are not yet
// acknowledged. An operation is one acknowledged message.
type async struct {
	conn    peer.Messenger
	window  int64
	payload []byte
	acked   *counter
	sent    int64
}

func newAsync(open func() (peer.Messenger, error), window, size int) (load, error) {
	conn, err := open()
	if err != nil {
		return nil, err
	}
	return &async{conn: conn, window: int64(window), payload: pattern(size), acked: newCounter()}, nil
}

func (a *async) run(stop *atomic.Bool) (int64, error) {
	done := func(err error) {
		if err != nil {
			a.acked.fail(err)
			return
		}
		a.acked.add(1)
	}
	ops, err := repeat(stop, func() error {
		if err := a.acked.wait(a.sent - a.window + 1); err != nil {
			return err
		}
		a.sent++
		return a.conn.PublishAsync(a.payload, done)
	})
	if err != nil {
		return 0, err
	}
	return ops, a.acked.wait(a.sent)
}

func (a *async) bytes() int { return len(a.payload) }

func (a *async) close() error { return a.conn.Close() }
