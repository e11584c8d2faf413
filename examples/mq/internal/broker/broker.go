// Package broker takes messages from producers, stores them, and gives each to
// one member of every group of its topic.
package broker

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sort"
	"sync"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/examples/mq/internal/proto"
	"github.com/singchia/geminio/examples/mq/internal/store"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
)

// Config is how a broker behaves. All fields must be set, but for Token.
type Config struct {
	// File is where everything is stored.
	File string
	// Token is what clients must have as meta; empty lets everybody in.
	Token string
	// MaxTopic is how many bytes of messages a topic keeps before its producers
	// wait, MaxMessage how long one message may be.
	MaxTopic   int64
	MaxMessage int
	// AckTimeout is how long a consumer may take for a message, RetryDelay how
	// long one that a consumer refused stays away, Grace how long a client that
	// has lost its connection may stay away.
	AckTimeout, RetryDelay, Grace time.Duration
	// Tries is how often consumers of a group may refuse a message before it is
	// put into the topic of the group's dead; 0 is any number.
	Tries int
}

// Broker is a running broker. All methods may be called concurrently.
type Broker struct {
	*delegate.UnimplementedDelegate
	cfg    Config
	store  *store.Store
	ctx    context.Context // ends with the broker
	cancel context.CancelFunc

	mu     sync.Mutex // guards what follows
	topics map[string]*topic
	closed bool
	wg     sync.WaitGroup // all goroutines; added to under mu while not closed
}

// Open opens the store, and goes on where the last broker ended.
func Open(cfg Config) (*Broker, error) {
	b := &Broker{
		UnimplementedDelegate: &delegate.UnimplementedDelegate{},
		cfg:                   cfg,
		topics:                make(map[string]*topic),
	}
	var err error
	if b.store, err = store.Open(cfg.File, b.committed); err != nil {
		return nil, err
	}
	topics, err := b.store.Topics()
	if err != nil {
		b.store.Close()
		return nil, err
	}
	b.mu.Lock() // trimming reports to the broker
	defer b.mu.Unlock()
	for name, found := range topics {
		b.topics[name] = newTopic(name, b.store, found)
	}
	for _, t := range b.topics {
		t.trim()
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b, nil
}

// Serve serves the clients of ln, which it closes, until Close. It returns nil
// then, or what made accepting impossible.
func (b *Broker) Serve(ln net.Listener) error {
	opts := server.NewEndOptions()
	opts.SetDelegate(b)
	opts.SetResumeGrace(b.cfg.Grace)
	opts.SetLimits(options.Limits{
		MaxBody:          b.cfg.MaxMessage + 4096,
		MessageWindow:    1 << 20, // what waits for the store belongs to the producer
		MaxMessageWindow: 1 << 20,
	})
	opts.SetRegisterLocalRPCs(
		&geminio.MethodRPC{Method: proto.MethodStatus, RPC: b.status},
		&geminio.MethodRPC{Method: proto.MethodUnsubscribe, RPC: b.unsubscribe},
	)
	opts.SetAcceptStreamFunc(b.subscribe)
	accepting, err := server.NewListener(ln, opts)
	if err != nil {
		return err
	}
	defer accepting.Close()
	defer context.AfterFunc(b.ctx, func() { accepting.Close() })()
	for {
		end, err := accepting.AcceptEnd()
		if b.ctx.Err() != nil {
			if err == nil {
				end.Close()
			}
			return nil
		}
		if err != nil {
			return err
		}
		if !b.start(func() { b.receive(end) }) {
			end.Close()
		}
	}
}

// start runs fn on a goroutine that Close waits for, or returns false after
// Close.
func (b *Broker) start(fn func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.wg.Add(1)
	go func() {
		defer b.wg.Done()
		fn()
	}()
	return true
}

// Close ends all connections, those of producers when what they have published
// is stored and acknowledged, and closes the store. What consumers have not
// acknowledged comes again when the broker does.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	b.wg.Wait()
	return b.store.Close()
}

// GetClientID lets those in who have the token, with the id that they made up.
func (b *Broker) GetClientID(wanted uint64, meta []byte) (uint64, error) {
	if subtle.ConstantTimeCompare(meta, []byte(b.cfg.Token)) != 1 && b.cfg.Token != "" {
		return 0, errors.New("wrong token")
	}
	return wanted, nil
}

// committed is told by the store what a topic has now.
func (b *Broker) committed(name string, meta store.Meta) { b.topic(name).committed(meta) }

// topic returns the topic of this name, which may be new.
func (b *Broker) topic(name string) *topic {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[name]
	if t == nil {
		t = newTopic(name, b.store, store.Topic{})
		b.topics[name] = t
	}
	return t
}

// until returns a context that ends with the broker, and when the peer has
// closed r or is lost. Nobody writes bytes to r: a Read returns only then.
func (b *Broker) until(r io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(b.ctx)
	if !b.start(func() {
		_, _ = io.Copy(io.Discard, r)
		cancel()
	}) {
		cancel()
	}
	return ctx, cancel
}

// receive stores what a producer publishes. While the topic or what waits for
// the disk is full it takes nothing, and so the producer waits.
func (b *Broker) receive(end geminio.End) {
	defer end.Close()
	var storing sync.WaitGroup
	defer storing.Wait()
	ctx, cancel := b.until(end)
	defer cancel()
	for {
		msg, err := end.Receive(ctx)
		if err != nil {
			return
		}
		if err := b.keep(ctx, msg, &storing); err != nil {
			return
		}
	}
}

// keep hands a message to the store, whose outcome is the answer to it.
func (b *Broker) keep(ctx context.Context, msg geminio.Message, storing *sync.WaitGroup) error {
	err := proto.CheckName("topic", msg.Topic())
	if err == nil && len(msg.Data()) > b.cfg.MaxMessage {
		err = fmt.Errorf("message of %d bytes: at most %d", len(msg.Data()), b.cfg.MaxMessage)
	}
	if err != nil {
		_ = msg.Error(err)
		return nil
	}
	t := b.topic(msg.Topic())
	if err := t.reserve(ctx, len(msg.Data()), b.cfg.MaxTopic); err != nil {
		return err
	}
	again, ok := msg.(geminio.Redelivered)
	storing.Add(1)
	b.append(ctx, t, msg.Data(), ok && again.Redelivered(), func(err error) {
		defer storing.Done()
		if errors.Is(err, store.ErrClosed) || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return // no verdict: the producer publishes it again, or is gone
		}
		if err != nil {
			log.Errorf("topic %s: %s", t.name, err)
		}
		_ = msg.Error(err) // nil is Done; a producer that is gone cannot be told
	})
	return nil
}

// DialogueOnline refuses streams that are no subscription.
func (b *Broker) DialogueOnline(stream delegate.DialogueDescriber) error {
	_, err := proto.ParseSubscription(stream.Meta())
	return err
}

// subscribe makes a stream a member of its group before the consumer's
// OpenStream returns.
func (b *Broker) subscribe(stream geminio.Stream) {
	sub, err := proto.ParseSubscription(stream.Meta())
	if err != nil {
		stream.Close()
		return
	}
	t := b.topic(sub.Topic)
	g, err := t.group(sub.Group)
	if err != nil {
		log.Errorf("topic %s, group %s: %s", sub.Topic, sub.Group, err)
		stream.Close()
		return
	}
	m := &member{
		stream: stream, sub: sub, topic: t, group: g,
		ackTimeout: b.cfg.AckTimeout, retryDelay: b.cfg.RetryDelay, tries: b.cfg.Tries,
		bury: func(data []byte, done func(error)) { b.bury(sub.DeadTopic(), data, done) },
	}
	log.Infof("topic %s, group %s: a member joins", sub.Topic, sub.Group)
	if !b.start(func() {
		ctx, cancel := b.until(stream)
		m.run(ctx)
		cancel()
		stream.Close()
		g.leave()
		log.Infof("topic %s, group %s: a member leaves", sub.Topic, sub.Group)
	}) {
		g.leave()
		stream.Close()
	}
}

// bury stores a message that was refused for good in a topic of its own, unless
// that is full.
func (b *Broker) bury(name string, data []byte, done func(error)) {
	t := b.topic(name)
	if ok, _ := t.reserveNow(len(data), b.cfg.MaxTopic); !ok {
		done(fmt.Errorf("topic %s is full", name))
		return
	}
	b.append(b.ctx, t, data, true, done)
}

// append stores a message that room is reserved for. Done is always called.
func (b *Broker) append(ctx context.Context, t *topic, data []byte, again bool, done func(error)) {
	stored := func(err error) {
		t.release(len(data))
		done(err)
	}
	if err := b.store.Append(ctx, t.name, data, again, stored); err != nil {
		stored(err)
	}
}

// status answers with the state of all topics.
func (b *Broker) status(_ context.Context, _ geminio.Request, rsp geminio.Response) {
	b.mu.Lock()
	topics := make([]*topic, 0, len(b.topics))
	for _, t := range b.topics {
		topics = append(topics, t)
	}
	b.mu.Unlock()
	states := make([]proto.Topic, 0, len(topics))
	for _, t := range topics {
		states = append(states, t.status())
	}
	sort.Slice(states, func(i, j int) bool { return states[i].Name < states[j].Name })
	data, err := json.Marshal(states)
	rsp.SetData(data)
	rsp.SetError(err)
}

// unsubscribe forgets a group, and with it what was kept for it alone.
func (b *Broker) unsubscribe(_ context.Context, req geminio.Request, rsp geminio.Response) {
	sub, err := proto.ParseSubscription(req.Data())
	if err == nil {
		b.mu.Lock()
		t := b.topics[sub.Topic]
		b.mu.Unlock()
		if t == nil {
			err = errNoTopic
		} else {
			err = t.forget(sub.Group)
		}
	}
	rsp.SetError(err)
}
