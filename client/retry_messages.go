package client

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/options"
)

// NewMessage returns a message with data, which is not copied.
func (r *RetryEnd) NewMessage(data []byte, opts ...*options.NewMessageOptions) geminio.Message {
	return r.current.Load().end.NewMessage(data, opts...)
}

// Receive waits for the next message of the server, over all sessions. After
// Close it returns the messages that have arrived, then io.EOF.
func (r *RetryEnd) Receive(ctx context.Context) (geminio.Message, error) {
	s := r.receiving.at.Load()
	for {
		msg, err := s.end.Receive(ctx)
		if err != io.EOF {
			return msg, err
		}
		next, err := r.await(ctx, time.Time{}, s)
		if err != nil {
			return nil, err
		}
		s = r.receiving.move(s, next)
	}
}

// Publish sends msg and waits for the verdict of the receiving application,
// over all sessions; a message that is to be delivered at most once, until it
// is committed to a connection.
func (r *RetryEnd) Publish(ctx context.Context, msg geminio.Message, opts ...*options.PublishOptions) error {
	p := newPublication(ctx, msg, application.PublishTimeout(msg, opts))
	if err := r.outbox.publish(p); err != nil {
		return err
	}
	return r.outbox.awaitSettled(p)
}

// PublishAsync is Publish that does not wait for the verdict. It waits for room
// to send, and for a session while there is none.
func (r *RetryEnd) PublishAsync(ctx context.Context, msg geminio.Message, ch chan *geminio.Publish, opts ...*options.PublishOptions) (*geminio.Publish, error) {
	if ch == nil {
		ch = make(chan *geminio.Publish, 1)
	}
	publish := &geminio.Publish{Message: msg, Done: ch}
	p := newPublication(ctx, msg, application.PublishTimeout(msg, opts))
	p.msg.data, p.msg.custom = bytes.Clone(p.msg.data), bytes.Clone(p.msg.custom)
	if err := r.outbox.publish(p); err != nil {
		return nil, err
	}
	if err := r.outbox.awaitQueued(p, func(err error) {
		publish.Error = err
		r.publications.Deliver(ch, publish)
	}); err != nil {
		return nil, err
	}
	return publish, nil
}

// A messageCopy is a message with what can be changed as it was when it was
// published.
type messageCopy struct {
	geminio.Message
	clientID, streamID uint64
	cnss               options.Cnss
	topic              string
	data, custom       []byte
}

func (m *messageCopy) ClientID() uint64   { return m.clientID }
func (m *messageCopy) StreamID() uint64   { return m.streamID }
func (m *messageCopy) Cnss() options.Cnss { return m.cnss }
func (m *messageCopy) Topic() string      { return m.topic }
func (m *messageCopy) Data() []byte       { return m.data }
func (m *messageCopy) Custom() []byte     { return m.custom }

func newPublication(ctx context.Context, msg geminio.Message, timeout time.Duration) *publication {
	p := &publication{ctx: ctx, timeout: timeout, until: deadlineOf(timeout)}
	p.msg = messageCopy{
		Message: msg, clientID: msg.ClientID(), streamID: msg.StreamID(), cnss: msg.Cnss(),
		topic: msg.Topic(), data: msg.Data(), custom: msg.Custom(),
	}
	return p
}
