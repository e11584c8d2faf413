package e2e

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/harness"
)

// A broker connects services and edges: it keeps the Ends of both under locks
// of its own, which its callbacks take, and forwards between them.
type broker struct {
	*delegate.UnimplementedDelegate
	t testing.TB

	mu      sync.RWMutex
	edges   map[uint64]geminio.End
	service geminio.End
	offline []uint64

	listener server.Listener
	address  string
	done     chan struct{}
}

func newBroker(t testing.TB) *broker {
	b := &broker{t: t, edges: map[uint64]geminio.End{}, done: make(chan struct{})}
	opts := harness.ServerOptions()
	opts.SetDelegate(b)
	opts.SetAcceptStreamFunc(b.streamOpened)
	b.listener, b.address = harness.Listen(t, opts)
	go b.serve()
	t.Cleanup(func() {
		b.listener.Close()
		<-b.done
		for _, end := range b.all() {
			end.Close()
		}
	})
	return b
}

func (b *broker) all() []geminio.End {
	b.mu.RLock()
	defer b.mu.RUnlock()
	ends := []geminio.End{}
	for _, end := range b.edges {
		ends = append(ends, end)
	}
	if b.service != nil {
		ends = append(ends, b.service)
	}
	return ends
}

func (b *broker) serve() {
	defer close(b.done)
	for {
		end, err := b.listener.AcceptEnd()
		if err != nil {
			return
		}
		b.online(end)
	}
}

// online replaces the End that has the id, and closes it under the lock that
// its ConnOffline takes.
func (b *broker) online(end geminio.End) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if string(end.Meta()) == "service" {
		b.service = end
		go b.forwardMessages(end)
		return
	}
	if old, ok := b.edges[end.ClientID()]; ok {
		old.Close()
	}
	b.edges[end.ClientID()] = end
	_ = end.Hijack(b.toService)
}

// GetClientID grants what is wanted.
func (b *broker) GetClientID(wanted uint64, _ []byte) (uint64, error) { return wanted, nil }

// ConnOffline takes the lock.
func (b *broker) ConnOffline(d delegate.ConnDescriber) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.offline = append(b.offline, d.ClientID())
	return nil
}

func (b *broker) edge(id uint64) (geminio.End, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	end, ok := b.edges[id]
	return end, ok
}

func (b *broker) theService() geminio.End {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.service
}

// toService forwards a call of an edge, and appends its id to the custom bytes
// that it received.
func (b *broker) toService(ctx context.Context, method string, req geminio.Request, rsp geminio.Response) {
	service := b.theService()
	forward := service.NewRequest(req.Data())
	forward.SetCustom(binary.BigEndian.AppendUint64(req.Custom(), req.ClientID()))
	got, err := service.Call(ctx, method, forward)
	if err != nil {
		rsp.SetError(err)
		return
	}
	rsp.SetData(got.Data())
	rsp.SetCustom(got.Custom())
	req.SetClientID(service.ClientID())
	rsp.SetClientID(service.ClientID())
}

// forwardMessages takes the messages of the service to the edge whose id is at
// the end of their custom bytes.
func (b *broker) forwardMessages(service geminio.End) {
	for {
		m, err := service.Receive(context.TODO())
		if err == io.EOF {
			return
		}
		if err != nil {
			continue
		}
		custom := m.Custom()
		tail := len(custom) - 8
		end, ok := b.edge(binary.BigEndian.Uint64(custom[tail:]))
		if !ok {
			_ = m.Error(errors.New("edge not online"))
			continue
		}
		m.SetClientID(end.ClientID())
		opts := options.NewMessage()
		opts.SetCustom(custom[:tail])
		opts.SetCnss(m.Cnss())
		opts.SetTopic(m.Topic())
		forward := end.NewMessage(m.Data(), opts)
		go func() {
			if err := end.Publish(context.TODO(), forward); err != nil {
				_ = m.Error(err)
				return
			}
			_ = m.Done()
		}()
	}
}

// streamOpened opens the far side of a stream while the opener waits, or
// closes the stream when there is none.
func (b *broker) streamOpened(st geminio.Stream) {
	var far geminio.End
	if st.Peer() == "service" {
		far = b.theService()
	} else {
		var id uint64
		_, _ = fmt.Sscan(st.Peer(), &id)
		var ok bool
		if far, ok = b.edge(id); !ok {
			st.Close()
			return
		}
	}
	opts := options.OpenStream()
	opts.SetMeta(st.Meta())
	other, err := far.OpenStream(opts)
	if err != nil {
		st.Close()
		return
	}
	_ = st.Hijack(forward(other))
	_ = other.Hijack(forward(st))
	for _, pair := range [][2]geminio.Stream{{st, other}, {other, st}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			pair[0].Close()
		}()
	}
}

func forward(to geminio.Stream) geminio.HijackRPC {
	return func(ctx context.Context, method string, req geminio.Request, rsp geminio.Response) {
		r := to.NewRequest(req.Data())
		r.SetCustom(req.Custom())
		got, err := to.Call(ctx, method, r)
		if err != nil {
			rsp.SetError(err)
			return
		}
		rsp.SetData(got.Data())
	}
}

func (b *broker) dial(meta string, id uint64) geminio.End {
	opts := harness.ClientOptions()
	opts.SetMeta([]byte(meta))
	opts.SetClientID(id)
	return harness.Dial(b.t, b.address, opts)
}

// known waits until the broker has the edge or the service.
func (b *broker) known(id uint64) {
	harness.Eventually(b.t, func() error {
		if _, ok := b.edge(id); ok {
			return nil
		}
		if s := b.theService(); s != nil && s.ClientID() == id {
			return nil
		}
		return errors.New("not known to the broker")
	})
}

func TestBrokerForwardsCallsThoughItAppendsToWhatItReceived(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	service := b.dial("service", 1000)
	b.known(1000)
	register(t, service, "who", func(_ context.Context, req geminio.Request, rsp geminio.Response) {
		custom := req.Custom()
		rsp.SetData([]byte(fmt.Sprint(string(req.Data()), " from ", binary.BigEndian.Uint64(custom[len(custom)-8:]))))
		rsp.SetCustom(custom[:len(custom)-8])
	})
	var wg sync.WaitGroup
	for id := uint64(1); id <= 10; id++ {
		edge := b.dial("edge", id)
		b.known(id)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 20 {
				req := edge.NewRequest([]byte(fmt.Sprint("call ", i)))
				req.SetCustom([]byte("mine"))
				rsp, err := edge.Call(context.Background(), "who", req)
				if err != nil {
					t.Error(err)
					return
				}
				if want := fmt.Sprint("call ", i, " from ", id); string(rsp.Data()) != want || string(rsp.Custom()) != "mine" {
					t.Errorf("%q with %q", rsp.Data(), rsp.Custom())
				}
			}
		}()
	}
	harness.Within(t, 2*harness.Soon, "the calls", wg.Wait)
}

func TestBrokerForwardsMessagesAndTheirVerdicts(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	service := b.dial("service", 1000)
	edge := b.dial("edge", 7)
	b.known(1000)
	b.known(7)
	to := func(id uint64) geminio.Message {
		opts := options.NewMessage()
		opts.SetCustom(binary.BigEndian.AppendUint64([]byte("custom"), id))
		opts.SetTopic("topic")
		return service.NewMessage([]byte("data"), opts)
	}
	done := publish(service, to(7))
	m := receive(t, edge)
	require.Equal(t, "data", string(m.Data()))
	require.Equal(t, "custom", string(m.Custom()))
	require.Equal(t, "topic", m.Topic())
	require.NoError(t, m.Done())
	require.NoError(t, harness.Get(t, done, "the end of Publish"))

	done = publish(service, to(7))
	require.NoError(t, receive(t, edge).Error(errors.New("no room")))
	require.EqualError(t, harness.Get(t, done, "the end of Publish"), "no room")
	require.EqualError(t, service.Publish(harness.Context(t), to(8)), "edge not online")
}

func TestBrokerSplicesStreamsWhileTheirOpenerWaits(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	service := b.dial("service", 1000)
	edge := b.dial("edge", 7)
	b.known(1000)
	b.known(7)
	opts := options.OpenStream()
	opts.SetPeer("7")
	opts.SetMeta([]byte("meta"))
	st, err := service.OpenStream(opts)
	require.NoError(t, err)
	far, err := edge.AcceptStream()
	require.NoError(t, err)
	require.Equal(t, "meta", string(far.Meta()))
	register(t, far, "echo", harness.EchoRPC)
	harness.Exchange(t, st, far, "there")
	harness.Exchange(t, far, st, "and back")
	require.Equal(t, "called", call(t, st, "echo", "called"))
	require.NoError(t, st.Close())
	require.NoError(t, far.SetReadDeadline(time.Now().Add(harness.Soon)))
	_, err = far.Read(make([]byte, 1))
	is(t, io.EOF, err)

	opts.SetPeer("8") // nobody
	st, err = service.OpenStream(opts)
	if err == nil {
		require.NoError(t, st.SetReadDeadline(time.Now().Add(harness.Soon)))
		_, err = st.Read(make([]byte, 1))
		is(t, io.EOF, err)
	}
}

func TestBrokerReplacesAnEndUnderTheLockThatItsConnOfflineTakes(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	var last geminio.End
	for range 20 {
		last = b.dial("edge", 7)
	}
	harness.Eventually(t, func() error {
		b.mu.RLock()
		defer b.mu.RUnlock()
		if len(b.offline) != 19 {
			return fmt.Errorf("%d went offline", len(b.offline))
		}
		return nil
	})
	service := b.dial("service", 1000)
	b.known(1000)
	register(t, service, "echo", harness.EchoRPC)
	harness.Eventually(t, func() error {
		rsp, err := last.Call(context.Background(), "echo", last.NewRequest([]byte("the last one")))
		if err == nil && string(rsp.Data()) != "the last one" {
			err = fmt.Errorf("%q came back", rsp.Data())
		}
		return err
	})
}

func TestEndsOverOneConnectionEachMayCloseUnderALockOfTheirOwner(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	rec := &harness.Recorder{Offline: func(delegate.ConnDescriber) error {
		mu.Lock()
		defer mu.Unlock()
		return nil
	}}
	sopts, copts := server.NewEndOptions(), client.NewEndOptions()
	sopts.SetDelegate(rec)
	copts.SetDelegate(rec)
	for _, carrier := range harness.Carriers() {
		c, s := harness.Ends(t, carrier, copts, sopts)
		harness.Within(t, harness.Soon, "Close under the lock", func() {
			mu.Lock()
			defer mu.Unlock()
			s.Close()
			c.Close()
		})
	}
	rec.Await(t, "ConnOffline", 8)
}
