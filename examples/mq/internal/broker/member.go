package broker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/examples/mq/internal/proto"
)

// maxTake is how many messages a member takes at a time: few enough that the
// others of its group get some too.
const maxTake = 16

// member is one consumer of a group, which is one stream.
type member struct {
	stream     geminio.Stream
	sub        proto.Subscription
	topic      *topic
	group      *group
	ackTimeout time.Duration
	retryDelay time.Duration
	tries      int // how often a message may be refused; 0 for any number
	// bury keeps a message that the group does not get any more. It does not
	// block, and tells done when that is stored.
	bury func(data []byte, done func(error))

	results chan *geminio.Publish // has room for all that are open

	mu       sync.Mutex  // guards what follows
	open     int         // messages that the consumer has, unanswered
	back     []uint64    // what goes back to the group in the end
	watchdog *time.Timer // runs while messages are open, since the last answer
	answered notify
}

// run gives messages to the consumer until ctx ends, which is when its stream
// does, or until it has held messages for ackTimeout without answering any.
// What is not acknowledged then goes back to the group.
func (m *member) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.results = make(chan *geminio.Publish, m.sub.Prefetch)
	m.watchdog = time.AfterFunc(time.Hour, func() {
		log.Warnf("topic %s, group %s: a member has not answered for %s", m.sub.Topic, m.sub.Group, m.ackTimeout)
		cancel()
	})
	m.watchdog.Stop()

	var settling sync.WaitGroup
	settling.Add(1)
	go func() {
		defer settling.Done()
		m.settleUntil(ctx.Done())
	}()
	m.deliver(ctx)
	cancel()
	settling.Wait()
	for m.isOpen() {
		m.settle(<-m.results)
	}
	m.watchdog.Stop()
	m.group.giveBack(m.back...) // together, so that they stay in order
}

// deliver gives messages to the consumer, as many at once as it has asked for,
// until ctx ends.
func (m *member) deliver(ctx context.Context) {
	for ctx.Err() == nil {
		free, answered := m.free()
		var changed <-chan struct{}
		if free > 0 {
			var taken []delivery
			var lease bool
			taken, changed, lease = m.group.take(min(free, maxTake))
			if lease {
				m.topic.store.SaveGroup(m.sub.Topic, m.sub.Group, m.group.state, m.leaseSaved)
			}
			if len(taken) > 0 {
				m.send(ctx, taken)
				continue
			}
		}
		select {
		case <-changed:
		case <-answered:
		case <-ctx.Done():
		}
	}
}

func (m *member) leaseSaved(err error) {
	if err == nil {
		m.group.leaseSaved(nil)
		return
	}
	log.Errorf("topic %s, group %s: %s", m.sub.Topic, m.sub.Group, err)
	time.AfterFunc(storeRetry, func() { m.group.leaseSaved(err) })
}

// send sends what was taken. What cannot be sent any more is kept in back.
func (m *member) send(ctx context.Context, taken []delivery) {
	offsets := make([]uint64, len(taken))
	left := make(map[uint64]delivery, len(taken))
	for i, d := range taken {
		offsets[i] = d.offset
		left[d.offset] = d
	}
	messages, err := m.topic.store.Read(m.sub.Topic, offsets)
	if err != nil {
		log.Errorf("topic %s: %s", m.sub.Topic, err)
		m.giveBackAfter(storeRetry, offsets...)
		return
	}
	for _, stored := range messages {
		header := proto.Header{Offset: stored.Offset, Redelivered: left[stored.Offset].redelivered || stored.Again}
		if err := m.sendOne(ctx, stored.Data, header); err != nil {
			m.mu.Lock()
			defer m.mu.Unlock()
			for offset := range left {
				m.back = append(m.back, offset)
			}
			return
		}
		delete(left, stored.Offset)
	}
	for offset := range left { // all groups that there were had acknowledged these
		m.ack(offset)
	}
}

// sendOne sends a message when the consumer has room for it.
func (m *member) sendOne(ctx context.Context, data []byte, header proto.Header) error {
	msg := m.stream.NewMessage(data)
	msg.SetTopic(m.sub.Topic)
	msg.SetCustom(header.Encode())
	m.count(1)
	_, err := m.stream.PublishAsync(ctx, msg, m.results)
	if err != nil {
		m.count(-1)
	}
	return err
}

// count counts open messages, and has the watchdog wait anew for an answer if
// there was one, or if what is open is the first.
func (m *member) count(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open += n
	if m.open == 0 {
		m.watchdog.Stop()
	} else if n < 0 || m.open == n {
		m.watchdog.Reset(m.ackTimeout)
	}
	if n < 0 {
		m.answered.all()
	}
}

// free returns how many messages more the consumer may have, and what is closed
// when it has answered one.
func (m *member) free() (n int, answered <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sub.Prefetch - m.open, m.answered.wait()
}

func (m *member) isOpen() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open > 0
}

// settleUntil settles until done is closed.
func (m *member) settleUntil(done <-chan struct{}) {
	for {
		select {
		case result := <-m.results:
			m.settle(result)
		case <-done:
			return
		}
	}
}

// settle does what the consumer's verdict asks for.
func (m *member) settle(result *geminio.Publish) {
	header, _ := proto.ParseHeader(result.Message.Custom()) // made by send
	var refused *geminio.RemoteError
	switch {
	case result.Error == nil:
		m.ack(header.Offset)
	case errors.As(result.Error, &refused):
		m.refuse(header.Offset, result.Message.Data(), refused)
	default: // the consumer is gone
		m.mu.Lock()
		m.back = append(m.back, header.Offset)
		m.mu.Unlock()
	}
	m.count(-1)
}

func (m *member) ack(offset uint64) {
	m.group.ack(offset)
	m.topic.saveLater(m.sub.Group, m.group)
}

// refuse has a message come again later, or buries it.
func (m *member) refuse(offset uint64, data []byte, why error) {
	n := m.group.refuse(offset)
	if m.tries == 0 || n < m.tries {
		m.giveBackAfter(m.retryDelay, offset)
		return
	}
	m.bury(data, func(err error) {
		if err != nil {
			log.Errorf("topic %s, group %s: message %d cannot be buried: %s", m.sub.Topic, m.sub.Group, offset, err)
			m.giveBackAfter(max(m.retryDelay, storeRetry), offset)
			return
		}
		log.Warnf("topic %s, group %s: message %d was refused %d times (%s), it is in %s now",
			m.sub.Topic, m.sub.Group, offset, n, why, m.sub.DeadTopic())
		m.ack(offset)
	})
}

func (m *member) giveBackAfter(d time.Duration, offsets ...uint64) {
	time.AfterFunc(d, func() { m.group.giveBack(offsets...) })
}
