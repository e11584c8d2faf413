//go:build !original

// Package floor adapts what is no library: the least that a call and an
// acknowledged message can be, which says how far down one can go.
package floor

import (
	"sync"

	"github.com/singchia/geminio/test/bench/floor"
	"github.com/singchia/geminio/test/bench/peers/adapter/internal/loopback"
	"github.com/singchia/geminio/test/bench/peers/peer"
)

// unacknowledged is how many messages may be on their way at once.
const unacknowledged = 1024

// Peer is the floor.
func Peer() peer.Peer {
	return peer.Peer{Name: "floor", Call: call, Message: message}
}

type conn struct {
	near, far *floor.Conn
	receiver  sync.WaitGroup
}

func connect(handler func([]byte) []byte) (*conn, error) {
	near, far, err := loopback.Pair()
	if err != nil {
		return nil, err
	}
	return &conn{near: floor.New(near, nil, 0), far: floor.New(far, handler, unacknowledged)}, nil
}

func call() (peer.Caller, error) {
	return connect(func(p []byte) []byte { return p })
}

func message() (peer.Messenger, error) {
	c, err := connect(nil)
	if err != nil {
		return nil, err
	}
	c.receiver.Go(func() {
		for {
			msg, ok := c.far.Receive()
			if !ok {
				return
			}
			msg.Ack()
		}
	})
	return newMessenger(c), nil
}

func (c *conn) Call(payload []byte) ([]byte, error) { return c.near.Call(payload) }

func (c *conn) Close() error {
	c.near.Close()
	c.far.Close()
	c.receiver.Wait()
	return nil
}

// messenger tells in order of publishing, which is that of the
// acknowledgements: there is one receiver.
type messenger struct {
	*conn
	acked   chan []byte
	pending chan func(error)
	ended   sync.WaitGroup
}

func newMessenger(c *conn) *messenger {
	m := &messenger{conn: c, acked: make(chan []byte, unacknowledged), pending: make(chan func(error), unacknowledged)}
	m.ended.Go(func() {
		for done := range m.pending {
			var err error
			if <-m.acked == nil {
				err = floor.ErrClosed
			}
			done(err)
		}
	})
	return m
}

func (m *messenger) Publish(payload []byte) error { return m.near.Publish(payload) }

func (m *messenger) PublishAsync(payload []byte, done func(error)) error {
	if err := m.near.PublishAsync(payload, m.acked); err != nil {
		return err
	}
	m.pending <- done
	return nil
}

func (m *messenger) Close() error {
	err := m.conn.Close()
	close(m.pending)
	m.ended.Wait()
	return err
}
