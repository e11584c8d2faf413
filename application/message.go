package application

import (
	"io"
	"sync"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

// A verdict is what the application decided about a received message.
type verdict uint8

const (
	undecided verdict = iota
	done
	refused
)

// A message is what NewMessage makes and what Receive returns.
type message struct {
	id, clientID, streamID uint64
	timeout                time.Duration
	cnss                   options.Cnss
	redelivered            bool
	topic                  string
	data, custom           []byte

	received *receipt // nil on the publishing side
}

// A receipt is what a received message knows of its publication.
type receipt struct {
	stream    *Stream
	id        uint64     // of the exchange
	slot      int        // where it waits in the inbox
	publisher *publisher // in whose sequence id is; nil: it is one of stream
	deadline  time.Time  // after which nobody wants it, zero without one
	cost      int        // of the window; 0: it was granted
	body      *incoming  // nil: the content came in the frame

	mu      sync.Mutex
	verdict verdict // guarded by mu
}

// A receivedMessage is a message with its receipt: one allocation, with its
// content if that is little.
type receivedMessage struct {
	message
	receipt receipt
}

// newReceivedMessage returns a message, and room for its content of n bytes or
// nil.
func newReceivedMessage(n int) (m *receivedMessage, room []byte) {
	if n == 0 || n > littleContent {
		return new(receivedMessage), nil
	}
	both := new(struct {
		receivedMessage
		room [littleContent]byte
	})
	return &both.receivedMessage, both.room[:]
}

var (
	_ geminio.Message     = (*message)(nil)
	_ geminio.Redelivered = (*message)(nil)
)

// NewMessage returns a message with data, which is not copied.
func (s *Stream) NewMessage(data []byte, opts ...*options.NewMessageOptions) geminio.Message {
	m := &message{id: s.end.cfg.PacketFactory.NewPacketID(), clientID: s.ClientID(), streamID: s.StreamID(), data: data}
	if len(opts) > 0 {
		opt := options.MergeNewMessageOptions(opts...)
		m.custom = opt.Custom
		if opt.Cnss != nil {
			m.cnss = *opt.Cnss
		}
		if opt.Topic != nil {
			m.topic = *opt.Topic
		}
	}
	return m
}

func (m *message) ID() uint64             { return m.id }
func (m *message) StreamID() uint64       { return m.streamID }
func (m *message) ClientID() uint64       { return m.clientID }
func (m *message) Timeout() time.Duration { return m.timeout }
func (m *message) Topic() string          { return m.topic }
func (m *message) Cnss() options.Cnss     { return m.cnss }
func (m *message) Data() []byte           { return m.data }
func (m *message) Custom() []byte         { return m.custom }

func (m *message) SetTimeout(timeout time.Duration) { m.timeout = timeout }
func (m *message) SetCustom(custom []byte)          { m.custom = custom }
func (m *message) SetTopic(topic string)            { m.topic = topic }
func (m *message) SetClientID(clientID uint64)      { m.clientID = clientID }
func (m *message) SetStreamID(streamID uint64)      { m.streamID = streamID }

// Redelivered tells that the message may have been received before.
func (m *message) Redelivered() bool { return m.redelivered }

// Done tells the publisher that the application has taken the message over.
func (m *message) Done() error { return m.decide(done, packet.CodeOK, "") }

// Error tells the publisher that the application refuses the message. A nil
// err is Done.
func (m *message) Error(err error) error {
	if err == nil {
		return m.Done()
	}
	return m.decide(refused, packet.CodeError, err.Error())
}

// decide gives the verdict once. Nobody waits for that of a message that is
// delivered at most once.
func (m *message) decide(v verdict, code packet.Code, text string) error {
	r := m.received
	if r == nil || m.cnss == options.CnssAtMostOnce {
		return nil
	}
	if r.publisher == nil {
		if err := r.stream.orEOF(errHalted); err == io.EOF {
			return io.EOF
		}
	}
	r.mu.Lock()
	before := r.verdict
	if before == undecided {
		r.verdict = v
	}
	r.mu.Unlock()
	switch before {
	case undecided:
		return r.tell(code, text)
	case v:
		return nil
	default:
		return geminio.ErrAlreadyAcked
	}
}

// tell has the publisher told of the verdict: one that is remembered over its
// sessions by the session that waits for it now, or else by a later one.
func (r *receipt) tell(code packet.Code, text string) error {
	if r.publisher == nil {
		return r.stream.acknowledge(r, code, text)
	}
	asker, known := r.publisher.decide(r.id, code, text)
	if !known {
		return r.stream.acknowledge(r, code, text)
	}
	if asker != nil {
		_ = asker.acknowledge(r, code, text) // where it ends first, a later session asks again
	}
	return nil
}

// acknowledge queues the verdict on r. It waits for room; the end of the stream
// ends that with io.EOF.
func (s *Stream) acknowledge(r *receipt, code packet.Code, text string) error {
	if !s.Begin() {
		return io.EOF
	}
	defer s.Finish()
	x, _ := s.end.idleExchanges.Get().(*exchange)
	if x == nil {
		x = new(exchange)
	}
	x.w = s.end.mux.Waiter()
	h := packet.Header{Type: packet.TypeMessageAck, Stream: uint32(s.StreamID())}
	fields := packet.AppendMessageAck(x.head[:0], r.id, code, text)
	_, err := s.end.conn.Append(packet.Messages, h, fields, nil, nil, x.w)
	if err == wait.ErrMustWait {
		err = s.acknowledgeLater(x, h, fields)
	}
	x.w.Put()
	*x = exchange{}
	s.end.idleExchanges.Put(x)
	if err != nil {
		return io.EOF
	}
	return nil
}

// acknowledgeLater waits for room, where whoever ends the stream finds x.
func (s *Stream) acknowledgeLater(x *exchange, h packet.Header, fields []byte) error {
	s.mu.Lock()
	if s.over != 0 {
		s.mu.Unlock()
		s.end.conn.Withdraw(x.w)
		return io.EOF
	}
	in := s.inbox()
	in.verdicts[x] = struct{}{}
	s.mu.Unlock()

	patience := forever
	_, err := s.append(x, packet.Messages, h, fields, nil, nil, &patience, false)
	s.mu.Lock()
	delete(in.verdicts, x)
	s.mu.Unlock()
	return err
}
