package broker

import (
	"context"
	"errors"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/examples/mq/internal/proto"
)

// maxTake is how many messages a member takes at a time: few enough that the
// others of its group get some too.
const maxTake = 16

// member is one consumer of a group, which is one stream. Its fields do not
// change but for open and results, which belong to the goroutine of run.
type member struct {
	stream     geminio.Stream
	topic      *topic
	name       string // of the group
	group      *group
	prefetch   int
	ackTimeout time.Duration
	retryDelay time.Duration

	results  chan *geminio.Publish
	open     int      // messages that the consumer has, unacknowledged
	back     []uint64 // what goes back to the group in the end
	watchdog *time.Timer
}

// run gives messages to the consumer until ctx ends, which is when its stream
// does, or until it has held messages for ackTimeout without answering any.
// What is not acknowledged then goes back to the group.
func (m *member) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.results = make(chan *geminio.Publish, m.prefetch)
	m.watchdog = time.AfterFunc(m.ackTimeout, func() {
		log.Warnf("topic %s, group %s: a member has not answered for %s", m.topic.name, m.name, m.ackTimeout)
		cancel()
	})
	m.watchdog.Stop()
	defer m.watchdog.Stop()
	for ctx.Err() == nil {
		free := m.prefetch - m.open
		if free == 0 {
			m.wait(ctx, nil)
			continue
		}
		taken, changed, lease := m.group.take(min(free, maxTake))
		if lease {
			m.topic.store.SaveGroup(m.topic.name, m.name, m.group.state, m.leaseSaved)
		}
		if len(taken) == 0 {
			m.wait(ctx, changed)
		} else if !m.deliver(ctx, taken) {
			break
		}
	}
	cancel()
	for m.open > 0 {
		m.settle(<-m.results)
	}
	m.group.giveBack(m.back...) // together, so that they stay in order
}

func (m *member) leaseSaved(err error) {
	if err == nil {
		m.group.leaseSaved(nil)
		return
	}
	log.Errorf("group %s of topic %s: %s", m.name, m.topic.name, err)
	time.AfterFunc(m.retryDelay, func() { m.group.leaseSaved(err) })
}

// wait waits for a change of the group, or for the outcome of at least one
// message.
func (m *member) wait(ctx context.Context, changed <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-changed:
	case result := <-m.results:
		m.settle(result)
		for range len(m.results) {
			m.settle(<-m.results)
		}
	}
}

// deliver sends what was taken, or returns false when nothing can be sent any
// more.
func (m *member) deliver(ctx context.Context, taken []delivery) bool {
	offsets := make([]uint64, len(taken))
	again := make(map[uint64]bool, len(taken))
	for i, d := range taken {
		offsets[i] = d.offset
		again[d.offset] = d.redelivered
	}
	messages, err := m.topic.store.Read(m.topic.name, offsets)
	if err != nil {
		log.Errorf("topic %s: %s", m.topic.name, err)
		time.AfterFunc(m.retryDelay, func() { m.group.giveBack(offsets...) })
		return true
	}
	for _, stored := range messages {
		header := proto.Header{Offset: stored.Offset, Redelivered: again[stored.Offset] || stored.Again}
		if err := m.send(ctx, stored.Data, header); err != nil {
			for offset := range again {
				m.back = append(m.back, offset)
			}
			return false
		}
		delete(again, stored.Offset)
	}
	for offset := range again { // all groups that there were had acknowledged these
		m.ack(offset)
	}
	return true
}

// send sends one message, when the consumer has room for it.
func (m *member) send(ctx context.Context, data []byte, header proto.Header) error {
	msg := m.stream.NewMessage(data)
	msg.SetTopic(m.topic.name)
	msg.SetCustom(header.Encode())
	if m.open == 0 {
		m.watchdog.Reset(m.ackTimeout)
	}
	_, err := m.stream.PublishAsync(ctx, msg, m.results)
	if err == nil {
		m.open++
	}
	return err
}

// settle does what the consumer's verdict asks for.
func (m *member) settle(result *geminio.Publish) {
	m.open--
	m.watchdog.Stop()
	if m.open > 0 {
		m.watchdog.Reset(m.ackTimeout)
	}
	header, _ := proto.ParseHeader(result.Message.Custom()) // made by deliver
	var refused *geminio.RemoteError
	switch {
	case result.Error == nil:
		m.ack(header.Offset)
	case errors.As(result.Error, &refused):
		time.AfterFunc(m.retryDelay, func() { m.group.giveBack(header.Offset) })
	default: // the consumer is gone
		m.back = append(m.back, header.Offset)
	}
}

func (m *member) ack(offset uint64) {
	m.group.ack(offset)
	m.topic.saveLater(m.name, m.group)
}
