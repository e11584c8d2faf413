package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/harness"
)

func receive(t *testing.T, s geminio.Stream) geminio.Message {
	t.Helper()
	m, err := s.Receive(harness.Context(t))
	require.NoError(t, err)
	return m
}

// message makes one with that delivery.
func message(s geminio.Stream, data []byte, cnss options.Cnss) geminio.Message {
	opts := options.NewMessage()
	opts.SetCnss(cnss)
	return s.NewMessage(data, opts)
}

// publish publishes in the background and returns where the outcome will be.
func publish(s geminio.Stream, m geminio.Message) <-chan error {
	return harness.Go(func() error { return s.Publish(context.Background(), m) })
}

// acknowledged are the deliveries whose Publish waits for the receiver.
var acknowledged = map[string]options.Cnss{
	"unset": 0, "at least once": options.CnssAtLeastOnce, "effectively once": options.CnssAtEffectiveOnce,
}

func TestPublishIsNilIfTheReceiverIsDone(t *testing.T) {
	for name, cnss := range acknowledged {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s := harness.Ends(t, harness.TCP, nil, nil)
			opened, accepted := harness.OpenPair(t, s, c)
			for _, pair := range [][2]geminio.Stream{{c, s}, {s, c}, {opened, accepted}, {accepted, opened}} {
				done := publish(pair[0], message(pair[0], []byte("m"), cnss))
				m := receive(t, pair[1])
				select {
				case err := <-done:
					t.Fatal("Publish returned before Done: ", err)
				case <-time.After(30 * time.Millisecond):
				}
				require.NoError(t, m.Done())
				require.NoError(t, harness.Get(t, done, "the end of Publish"))
			}
		})
	}
}

func TestReceiversErrorArrivesWithExactlyItsText(t *testing.T) {
	for name, cnss := range acknowledged {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s := harness.Ends(t, harness.TCP, nil, nil)
			for _, text := range []string{"refused", "", "日本語"} {
				done := publish(c, message(c, nil, cnss))
				require.NoError(t, receive(t, s).Error(errors.New(text)))
				err := harness.Get(t, done, "the end of Publish")
				require.Error(t, err)
				require.Equal(t, text, err.Error())
				var remote *geminio.RemoteError
				require.ErrorAs(t, err, &remote)
			}
			done := publish(c, message(c, nil, cnss))
			require.NoError(t, receive(t, s).Error(nil))
			require.NoError(t, harness.Get(t, done, "the end of Publish"), "Error(nil) is Done")
		})
	}
}

func TestFirstVerdictStands(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	done := publish(c, c.NewMessage(nil))
	m := receive(t, s)
	require.NoError(t, m.Done())
	require.NoError(t, m.Done())
	require.NoError(t, m.Error(nil))
	require.True(t, m.Error(errors.New("too late")) == geminio.ErrAlreadyAcked)
	require.NoError(t, harness.Get(t, done, "the end of Publish"))

	done = publish(c, c.NewMessage(nil))
	m = receive(t, s)
	require.NoError(t, m.Error(errors.New("no")))
	require.NoError(t, m.Error(errors.New("no")))
	require.True(t, m.Done() == geminio.ErrAlreadyAcked)
	require.EqualError(t, harness.Get(t, done, "the end of Publish"), "no")
}

func TestAtMostOnceDoesNotWaitForTheReceiver(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	for range 10 {
		require.NoError(t, c.Publish(harness.Context(t), message(c, []byte("m"), options.CnssAtMostOnce)))
	}
	ch := make(chan *geminio.Publish, 1)
	made, err := c.PublishAsync(harness.Context(t), message(c, []byte("m"), options.CnssAtMostOnce), ch)
	require.NoError(t, err)
	require.NotNil(t, made)
	got := harness.Get(t, ch, "the publication")
	require.True(t, made == got)
	require.NoError(t, got.Error)
	for range 11 {
		m := receive(t, s)
		require.Equal(t, options.CnssAtMostOnce, m.Cnss())
		require.NoError(t, m.Done())
		require.NoError(t, m.Done())
	}
	require.NoError(t, c.Close())
}

func TestAMessageArrivesWhole(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	opened, accepted := harness.OpenPair(t, c, s)
	for _, pair := range [][2]geminio.Stream{{c, s}, {s, c}, {opened, accepted}, {accepted, opened}} {
		for _, cnss := range []options.Cnss{0, options.CnssAtMostOnce, options.CnssAtLeastOnce, options.CnssAtEffectiveOnce} {
			opts := options.NewMessage()
			opts.SetCnss(cnss)
			opts.SetTopic("topic")
			opts.SetCustom([]byte("custom"))
			sent := pair[0].NewMessage([]byte("data"), opts)
			sent.SetTimeout(harness.Soon)
			done := publish(pair[0], sent)
			m := receive(t, pair[1])
			require.Equal(t, "data", string(m.Data()))
			require.Equal(t, "custom", string(m.Custom()))
			require.Equal(t, "topic", m.Topic())
			require.Equal(t, sent.Cnss(), m.Cnss())
			require.Equal(t, sent.ID(), m.ID())
			require.Equal(t, c.ClientID(), m.ClientID())
			require.Equal(t, pair[0].StreamID(), m.StreamID())
			require.InDelta(t, harness.Soon, m.Timeout(), float64(harness.Soon/2))
			r, ok := m.(geminio.Redelivered)
			require.True(t, ok)
			require.False(t, r.Redelivered())
			require.NoError(t, m.Done())
			require.NoError(t, harness.Get(t, done, "the end of Publish"))
		}
	}
}

func TestIDsSetOnAReceivedMessageDoNotMoveItsVerdict(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	done := publish(c, c.NewMessage([]byte("m")))
	m := receive(t, s)
	m.SetClientID(99)
	m.SetStreamID(98)
	m.SetCustom([]byte("mine"))
	require.EqualValues(t, 99, m.ClientID())
	verdict := harness.Go(m.Done) // from any goroutine
	require.NoError(t, harness.Get(t, verdict, "the end of Done"))
	require.NoError(t, harness.Get(t, done, "the end of Publish"))
}

func TestTimeoutAndContextOfAPublication(t *testing.T) {
	t.Parallel()
	c, _ := harness.Ends(t, harness.TCP, nil, nil)
	opts := options.Publish()
	opts.SetTimeout(50 * time.Millisecond)
	requireTimeout(t, c.Publish(context.Background(), c.NewMessage(nil), opts))
	m := c.NewMessage(nil)
	m.SetTimeout(50 * time.Millisecond)
	requireTimeout(t, c.Publish(context.Background(), m))
	made, err := c.PublishAsync(context.Background(), c.NewMessage(nil), nil, opts)
	require.NoError(t, err)
	requireTimeout(t, harness.Get(t, made.Done, "the publication").Error)

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err = c.Publish(ctx, c.NewMessage(nil))
	require.True(t, err == context.DeadlineExceeded, "%v", err)
	ctx, cancel = context.WithCancel(context.Background())
	made, err = c.PublishAsync(ctx, c.NewMessage(nil), nil)
	require.NoError(t, err)
	cancel()
	require.True(t, harness.Get(t, made.Done, "the publication").Error == context.Canceled)
	err = c.Publish(ctx, c.NewMessage(nil))
	require.True(t, err == context.Canceled, "%v", err)
}

func TestMessageWhosePublisherGaveUpIsNotReceived(t *testing.T) {
	t.Parallel()
	c, s := tcpEnds(t)
	for range 5 {
		m := c.NewMessage([]byte("given up"))
		m.SetTimeout(20 * time.Millisecond)
		requireTimeout(t, c.Publish(context.Background(), m))
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		require.Error(t, c.Publish(ctx, c.NewMessage([]byte("given up too"))))
		cancel()
	}
	call(t, c, "echo", "behind what withdrew them")
	done := publish(c, c.NewMessage([]byte("meant")))
	m := receive(t, s)
	require.Equal(t, "meant", string(m.Data()))
	require.NoError(t, m.Done())
	require.NoError(t, harness.Get(t, done, "the end of Publish"))
}

func TestReceiveHonoursItsContext(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := harness.Go(func() error {
		_, err := s.Receive(ctx)
		return err
	})
	cancel()
	err := harness.Get(t, done, "the end of Receive")
	require.True(t, err == context.Canceled, "%v", err)
	published := publish(c, c.NewMessage([]byte("kept")))
	require.NoError(t, receive(t, s).Done())
	require.NoError(t, harness.Get(t, published, "the end of Publish"))
}

func TestMessagesOfOneGoroutineKeepTheirOrder(t *testing.T) {
	for _, carrier := range harness.Carriers() {
		t.Run(carrier.Name, func(t *testing.T) {
			t.Parallel()
			c, s := harness.Ends(t, carrier, nil, nil)
			opened, accepted := harness.OpenPair(t, c, s)
			for _, pair := range [][2]geminio.Stream{{c, s}, {accepted, opened}} {
				const count = 200
				sizes := []int{10, 100, 70_000, 0, 1, 65_000, 200_000, 5}
				ch := make(chan *geminio.Publish, count)
				sent := harness.Go(func() error {
					for i := range count {
						m := message(pair[0], make([]byte, sizes[i%len(sizes)]), []options.Cnss{2, 1, 0, 3}[i%4])
						m.SetTopic(fmt.Sprint(i))
						if _, err := pair[0].PublishAsync(context.Background(), m, ch); err != nil {
							return err
						}
					}
					return nil
				})
				for i := range count {
					m := receive(t, pair[1])
					require.Equal(t, fmt.Sprint(i), m.Topic())
					require.Len(t, m.Data(), sizes[i%len(sizes)])
					require.NoError(t, m.Done())
				}
				require.NoError(t, harness.Get(t, sent, "the publisher's end"))
				for range count {
					require.NoError(t, harness.Get(t, ch, "a publication").Error)
				}
			}
		})
	}
}

func TestPublicationThatNobodyTakesFromItsChannelStopsNothing(t *testing.T) {
	t.Parallel()
	c, s := tcpEnds(t)
	ch := make(chan *geminio.Publish)
	var made []*geminio.Publish
	for range 10 {
		p, err := c.PublishAsync(harness.Context(t), c.NewMessage(nil), ch)
		require.NoError(t, err)
		made = append(made, p)
		require.NoError(t, receive(t, s).Done())
		require.Equal(t, "on", call(t, c, "echo", "on"))
	}
	for _, p := range made {
		require.True(t, p == harness.Get(t, ch, "a publication"), "the order changed")
		require.NoError(t, p.Error)
	}
}

func TestUnreceivedMessagesStopNeitherCallsNorStreamsNorOthersMessages(t *testing.T) {
	t.Parallel()
	c, s := tcpEnds(t)
	opened, accepted := harness.OpenPair(t, c, s)
	ctx, cancel := context.WithCancel(context.Background())
	var publishers sync.WaitGroup
	for _, st := range []geminio.Stream{c, opened} {
		for range 20 {
			publishers.Add(1)
			go func() {
				defer publishers.Done()
				for ctx.Err() == nil {
					_ = st.Publish(ctx, message(st, make([]byte, 50_000), options.CnssAtMostOnce))
				}
			}()
		}
	}
	for range 30 {
		require.Equal(t, "on", call(t, c, "echo", "on"))
		o, a := harness.OpenPair(t, c, s)
		harness.Exchange(t, o, a, "bytes")
		done := publish(o, o.NewMessage([]byte("mine")))
		require.NoError(t, receive(t, a).Done())
		require.NoError(t, harness.Get(t, done, "the end of Publish"))
	}
	harness.Exchange(t, opened, accepted, "bytes of the same stream")
	cancel()
	harness.Within(t, harness.Soon, "the publishers", publishers.Wait)
}

func TestMessagesUpToTheLimitGoAndLargerOnesHurtNobody(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	const limit = packet.MaxDecodablePacketLen
	data := harness.Pattern(limit + 1)
	opened, accepted := harness.OpenPair(t, c, s)
	// The race detector looks at every byte of these 66 MiB, several times.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, pair := range [][2]geminio.Stream{{c, s}, {opened, accepted}} {
		for _, cnss := range []options.Cnss{1, 2, 3} {
			for _, size := range []int{64 << 10, 1 << 20, limit} {
				done := publish(pair[0], message(pair[0], data[:size], cnss))
				m, err := pair[1].Receive(ctx)
				require.NoError(t, err)
				require.True(t, bytes.Equal(data[:size], m.Data()), size)
				require.NoError(t, m.Done())
				require.NoError(t, harness.Get(t, done, "the end of Publish"))
			}
			require.ErrorIs(t, pair[0].Publish(harness.Context(t), message(pair[0], data, cnss)), packet.ErrPacketTooLarge)
		}
	}
	done := publish(c, c.NewMessage([]byte("on")))
	require.NoError(t, receive(t, s).Done())
	require.NoError(t, harness.Get(t, done, "the end of Publish"))
}

func TestReceivedMessagesBelongToTheReceiver(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	var kept []geminio.Message
	for i := range 20 {
		m := c.NewMessage(bytes.Repeat([]byte{byte(i)}, 100))
		m.SetCustom([]byte("custom"))
		data := m.Data()
		done := harness.Go(func() error {
			err := c.Publish(context.Background(), m)
			m.SetClientID(5) // the publisher may change it after Publish
			clear(data)
			return err
		})
		got := receive(t, s)
		_ = append(got.Custom(), bytes.Repeat([]byte("!"), 200)...)
		require.NoError(t, got.Done())
		require.NoError(t, harness.Get(t, done, "the end of Publish"))
		kept = append(kept, got)
	}
	for i, m := range kept {
		require.Equal(t, bytes.Repeat([]byte{byte(i)}, 100), m.Data())
	}
}
