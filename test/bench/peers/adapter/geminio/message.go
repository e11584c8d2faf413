package geminio

import (
	"context"
	"sync"

	"github.com/singchia/geminio"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// unacknowledged is more than a load leaves unacknowledged.
const unacknowledged = 1024

// messenger has a receiver that acknowledges each message.
type messenger struct {
	ends
	outcomes chan *geminio.Publish
	running  sync.WaitGroup
}

var _ peer.Messenger = (*messenger)(nil)

// message carries along what is to be told of its outcome.
type message struct {
	geminio.Message
	done func(error)
}

func newMessenger(e ends) *messenger {
	m := &messenger{ends: e, outcomes: make(chan *geminio.Publish, unacknowledged)}
	m.running.Add(2)
	go m.receive()
	go m.tell()
	return m
}

func (m *messenger) receive() {
	defer m.running.Done()
	for {
		msg, err := m.far.Receive(context.Background())
		if err != nil || msg.Done() != nil {
			return
		}
	}
}

func (m *messenger) tell() {
	defer m.running.Done()
	for p := range m.outcomes {
		if p == nil {
			return // Close
		}
		p.Message.(*message).done(p.Error)
	}
}

func (m *messenger) Publish(payload []byte) error {
	return m.near.Publish(context.Background(), m.near.NewMessage(payload))
}

func (m *messenger) PublishAsync(payload []byte, done func(error)) error {
	_, err := m.near.PublishAsync(context.Background(), &message{m.near.NewMessage(payload), done}, m.outcomes)
	return err
}

func (m *messenger) Close() error {
	err := m.ends.Close()
	m.outcomes <- nil
	m.running.Wait()
	return err
}
