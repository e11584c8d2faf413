package nats

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// streamBytes bounds the stream: the oldest messages make room.
const streamBytes = 64 << 20

// A publisher has its messages acknowledged by the server when they are in a
// stream in its memory.
type publisher struct {
	broker  *broker
	conn    *nats.Conn
	js      jetstream.JetStream
	subject string
	acks    *pending[*nats.Msg]
}

func newPublisher(b *broker) (_ peer.Messenger, err error) {
	url, err := b.acquire()
	if err != nil {
		return nil, err
	}
	p := &publisher{broker: b, acks: newPending[*nats.Msg]()}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.end())
		}
	}()
	if p.conn, err = connect(url); err != nil {
		return nil, err
	}
	p.js, err = jetstream.New(p.conn,
		jetstream.WithPublishAsyncAckHandler(func(_ jetstream.JetStream, m *nats.Msg, _ *jetstream.PubAck) {
			p.acks.finish(m, nil)
		}),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, m *nats.Msg, err error) {
			p.acks.finish(m, err)
		}))
	if err != nil {
		return nil, err
	}
	p.subject = nats.NewInbox()[len(nats.InboxPrefix):] // unique
	_, err = p.js.CreateStream(context.Background(), jetstream.StreamConfig{
		Name:     p.subject,
		Subjects: []string{p.subject},
		Storage:  jetstream.MemoryStorage,
		MaxBytes: streamBytes,
		Discard:  jetstream.DiscardOld,
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (p *publisher) Publish(payload []byte) error {
	_, err := p.js.Publish(context.Background(), p.subject, payload)
	return err
}

func (p *publisher) PublishAsync(payload []byte, done func(error)) error {
	m := &nats.Msg{Subject: p.subject, Data: payload}
	if !p.acks.add(m, done) {
		return nats.ErrConnectionClosed
	}
	_, err := p.js.PublishMsgAsync(m)
	if err != nil && p.acks.remove(m) != nil {
		return err
	}
	return nil // done knows
}

func (p *publisher) Close() error {
	err := p.js.DeleteStream(context.Background(), p.subject)
	err = errors.Join(err, p.end())
	p.acks.fail(nats.ErrConnectionClosed)
	return err
}

func (p *publisher) end() error {
	if p.js != nil {
		p.js.CleanupPublisher()
	}
	if p.conn != nil {
		p.conn.Close()
	}
	return p.broker.release()
}
