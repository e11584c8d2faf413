package nats

import (
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// requestTimeout is longer than any load waits.
const requestTimeout = 30 * time.Second

// A requester has a connection that asks and one that answers, both to the
// same server.
type requester struct {
	broker    *broker
	near, far *nats.Conn
	subject   string // what far answers
}

// newRequester lets far answer each request by handle.
func newRequester(b *broker, handle nats.MsgHandler) (r *requester, err error) {
	url, err := b.acquire()
	if err != nil {
		return nil, err
	}
	r = &requester{broker: b}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if r.near, err = connect(url); err != nil {
		return nil, err
	}
	if r.far, err = connect(url); err != nil {
		return nil, err
	}
	r.subject = r.far.NewInbox()
	if _, err := r.far.Subscribe(r.subject, handle); err != nil {
		return nil, err
	}
	return r, r.far.Flush() // the server knows of it before somebody asks
}

func (r *requester) Close() error {
	for _, c := range []*nats.Conn{r.near, r.far} {
		if c != nil {
			c.Close()
		}
	}
	return r.broker.release()
}

type caller struct {
	*requester
}

func echo(m *nats.Msg) { m.Respond(m.Data) }

func newCaller(b *broker) (peer.Caller, error) {
	r, err := newRequester(b, echo)
	if err != nil {
		return nil, err
	}
	return caller{r}, nil
}

func (c caller) Call(payload []byte) ([]byte, error) {
	m, err := c.near.Request(c.subject, payload, requestTimeout)
	if err != nil {
		return nil, err
	}
	return m.Data, nil
}

// A messenger has its messages acknowledged by an empty response. Those of
// PublishAsync come back to an inbox of its own.
type messenger struct {
	*requester
	inbox string // prefix of the subjects of responses
	last  atomic.Uint64
	acks  *pending[string] // by subject of the response
}

func newMessenger(b *broker) (peer.Messenger, error) {
	r, err := newRequester(b, func(m *nats.Msg) { m.Respond(nil) })
	if err != nil {
		return nil, err
	}
	m := &messenger{requester: r, inbox: r.near.NewInbox() + ".", acks: newPending[string]()}
	_, err = r.near.Subscribe(m.inbox+"*", func(ack *nats.Msg) {
		m.acks.finish(ack.Subject, verdict(ack))
	})
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return m, nil
}

// verdict is nil for a response of the receiver. The server answers by a
// header when there is none.
func verdict(ack *nats.Msg) error {
	if len(ack.Header) > 0 {
		return nats.ErrNoResponders
	}
	return nil
}

func (m *messenger) Publish(payload []byte) error {
	_, err := m.near.Request(m.subject, payload, requestTimeout)
	return err
}

func (m *messenger) PublishAsync(payload []byte, done func(error)) error {
	reply := m.inbox + strconv.FormatUint(m.last.Add(1), 10)
	if !m.acks.add(reply, done) {
		return nats.ErrConnectionClosed
	}
	err := m.near.PublishRequest(m.subject, reply, payload)
	if err != nil && m.acks.remove(reply) != nil {
		return err
	}
	return nil // done knows
}

func (m *messenger) Close() error {
	err := m.requester.Close()
	m.acks.fail(nats.ErrConnectionClosed)
	return err
}
