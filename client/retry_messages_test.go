//go:build go1.25

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
)

func message(r geminio.End, text string, cnss options.Cnss) geminio.Message {
	o := options.NewMessage()
	o.SetCnss(cnss)
	return r.NewMessage([]byte(text), o)
}

func publishing(r geminio.End, msg geminio.Message) <-chan result[any] {
	return background(func() (any, error) { return nil, r.Publish(context.Background(), msg) })
}

// next returns the next message that end receives, with whether it is marked.
func next(t *testing.T, end geminio.End) (msg geminio.Message, redelivered bool) {
	t.Helper()
	msg, err := end.Receive(context.Background())
	require.NoError(t, err)
	return msg, msg.(geminio.Redelivered).Redelivered()
}

// nothingFor tells that end receives nothing.
func nothingFor(t *testing.T, end geminio.End) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	msg, err := end.Receive(ctx)
	require.Equal(t, context.DeadlineExceeded, err, "%v", msg)
}

func TestUnacknowledgedMessagesArePublishedAgainFirstAndInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, far := s.pair()
		defer r.Close()
		const n = 50
		ch := make(chan *geminio.Publish, 2*n)
		ids := make(map[string]uint64)
		publish := func(i int) {
			data := fmt.Appendf(nil, "%03d", i)
			msg := r.NewMessage(data)
			if i%2 != 0 {
				msg = message(r, string(data), options.CnssAtLeastOnce)
			}
			ids[string(data)] = msg.ID()
			p, err := r.PublishAsync(context.Background(), msg, ch)
			require.NoError(t, err)
			assert.Same(t, msg, p.Message)
			msg.SetClientID(99) // it is ours again
			if i%2 == 0 {
				copy(data, "XXX")
			}
		}
		for i := range n {
			publish(i)
		}
		first, again := next(t, far)
		assert.Equal(t, "000", string(first.Data()))
		assert.False(t, again)
		require.NoError(t, first.Done())
		_, _ = next(t, far) // and dies with it
		synctest.Wait()
		for range 3 {
			s.cut()
			far = <-s.ends
		}
		for i := n; i < 2*n; i++ {
			publish(i)
		}
		for i := 1; i < 2*n; i++ {
			msg, again := next(t, far)
			want := fmt.Sprintf("%03d", i)
			assert.Equal(t, want, string(msg.Data()))
			assert.Equal(t, i < n, again, want)
			assert.Equal(t, ids[want], msg.ID())
			if i == 7 {
				require.NoError(t, msg.Error(errors.New("not seven")))
				continue
			}
			require.NoError(t, msg.Done())
		}
		for range 2 * n {
			p := <-ch
			if string(p.Message.Data()) == "007" {
				assert.EqualError(t, p.Error, "not seven")
			} else {
				assert.NoError(t, p.Error)
			}
		}
		nothingFor(t, far)
	})
}

func TestPublishKeepsWaitingOverSessionsAsLongAsItMay(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, far := s.pair()
		defer r.Close()
		o := options.Publish()
		o.SetTimeout(20 * time.Second)
		start := time.Now()
		timed := background(func() (any, error) { return nil, r.Publish(context.Background(), r.NewMessage(nil), o) })
		ctx, cancel := context.WithCancel(context.Background())
		cancelled := background(func() (any, error) { return nil, r.Publish(ctx, r.NewMessage(nil)) })
		ch := make(chan *geminio.Publish, 2)
		_, err := r.PublishAsync(ctx, r.NewMessage([]byte("cancelled")), ch)
		require.NoError(t, err)
		_, err = r.PublishAsync(context.Background(), r.NewMessage([]byte("timed")), ch, o)
		require.NoError(t, err)
		next(t, far)
		s.down()
		pending(t, timed)
		cancel()
		assert.Equal(t, context.Canceled, (<-cancelled).err)
		assert.Equal(t, context.Canceled, (<-ch).Error)
		assert.Equal(t, geminio.ErrTimeout, (<-timed).err)
		assert.Equal(t, geminio.ErrTimeout, (<-ch).Error)
		assert.Equal(t, 20*time.Second, time.Since(start))
		s.up(mortal)
		nothingFor(t, <-s.ends)
	})
}

func TestPublicationsInFlightEndWithClose(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, far := s.pair()
		sent := publishing(r, r.NewMessage(nil))
		next(t, far)
		s.down()
		unsent := publishing(r, r.NewMessage(nil))
		ch := make(chan *geminio.Publish, 1)
		async := background(func() (any, error) {
			_, err := r.PublishAsync(context.Background(), r.NewMessage(nil), ch)
			return nil, err
		})
		pending(t, sent)
		require.NoError(t, r.Close())
		var failed *geminio.CallError
		require.ErrorAs(t, (<-sent).err, &failed)
		assert.True(t, failed.MaybeExecuted)
		assert.Equal(t, io.EOF, (<-unsent).err)
		assert.Equal(t, io.EOF, (<-async).err)
		assert.Empty(t, ch)
	})
}

func TestMessageThatIsToBeDeliveredAtMostOnceIsNotSentTwice(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, far := s.pair()
		defer r.Close()
		require.NoError(t, r.Publish(context.Background(), message(r, "one", options.CnssAtMostOnce)))
		p, err := r.PublishAsync(context.Background(), message(r, "two", options.CnssAtMostOnce), nil)
		require.NoError(t, err)
		require.NoError(t, (<-p.Done).Error)
		synctest.Wait()
		s.down()
		waits := publishing(r, message(r, "three", options.CnssAtMostOnce))
		pending(t, waits)
		s.up(mortal)
		for _, text := range []string{"one", "two"} {
			msg, _ := next(t, far)
			assert.Equal(t, text, string(msg.Data()), "it had arrived")
		}
		far = <-s.ends
		require.NoError(t, (<-waits).err)
		msg, again := next(t, far)
		assert.Equal(t, "three", string(msg.Data()))
		assert.False(t, again)
		nothingFor(t, far)
	})
}

func TestMessageOfWhichAPartHasLeftIsNotSentTwiceEither(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, _ := s.pair()
		defer r.Close()
		s.last().Stall(true)
		published := publishing(r, message(r, string(make([]byte, 8<<20)), options.CnssAtMostOnce))
		pending(t, published)
		s.cut()
		far := <-s.ends
		var failed *geminio.CallError
		require.ErrorAs(t, (<-published).err, &failed)
		assert.True(t, failed.MaybeExecuted)
		nothingFor(t, far)
	})
}

func TestEffectivelyOnceMessageIsNotReceivedTwice(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, far := s.pair()
		defer r.Close()
		once := func(text string) <-chan result[any] {
			return publishing(r, message(r, text, options.CnssAtEffectiveOnce))
		}
		early, late := once("decided before it comes again"), once("decided after")
		first, _ := next(t, far)
		second, _ := next(t, far)
		if string(first.Data()) == "decided after" {
			first, second = second, first
		}
		s.refuse(true)
		s.cut()
		require.NoError(t, first.Done())
		s.refuse(false)
		far = <-s.ends
		require.NoError(t, (<-early).err)
		pending(t, late)
		require.NoError(t, second.Done())
		require.NoError(t, (<-late).err)
		nothingFor(t, far)

		s.last().Stall(true) // what leaves does not arrive
		lost := once("lost")
		pending(t, lost)
		s.cut()
		far = <-s.ends
		msg, again := next(t, far)
		assert.Equal(t, "lost", string(msg.Data()))
		assert.True(t, again)
		require.NoError(t, msg.Done())
		require.NoError(t, (<-lost).err)
		nothingFor(t, far)
	})
}

func TestEffectivelyOnceFailsWhereTheServerHasForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, far := s.pair()
		defer r.Close()
		sent := publishing(r, message(r, "sent", options.CnssAtEffectiveOnce))
		next(t, far)
		s.down()
		unsent := publishing(r, message(r, "unsent", options.CnssAtEffectiveOnce))
		pending(t, unsent)
		s.up(mortal) // another process
		far = <-s.ends
		var failed *geminio.CallError
		require.ErrorAs(t, (<-sent).err, &failed)
		assert.True(t, failed.MaybeExecuted)
		msg, again := next(t, far)
		assert.Equal(t, "unsent", string(msg.Data()))
		assert.False(t, again)
		require.NoError(t, msg.Done())
		require.NoError(t, (<-unsent).err)
		nothingFor(t, far)
	})
}

func TestEffectivelyOnceWaitsWhileAThousandAreNotSettled(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		r, far := s.pair()
		defer r.Close()
		ch := make(chan *geminio.Publish, mostOnce+2)
		send := func(ctx context.Context) error {
			_, err := r.PublishAsync(ctx, message(r, "", options.CnssAtEffectiveOnce), ch)
			return err
		}
		for range mostOnce {
			require.NoError(t, send(context.Background()))
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		assert.Equal(t, context.DeadlineExceeded, send(ctx))
		more := background(func() (any, error) { return nil, send(context.Background()) })
		pending(t, more)
		first, _ := next(t, far)
		second, _ := next(t, far)
		require.NoError(t, second.Done())
		pending(t, more)
		require.NoError(t, first.Done())
		require.NoError(t, (<-more).err)
		require.NoError(t, send(context.Background()), "two are settled")
		more = background(func() (any, error) { return nil, send(context.Background()) })
		pending(t, more)
		require.NoError(t, r.Close())
		assert.Equal(t, io.EOF, (<-more).err)
	})
}

func TestReceiveReturnsWhatIsLeftAndGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, far := s.pair()
		defer r.Close()
		for _, text := range []string{"one", "two"} {
			require.NoError(t, far.Publish(context.Background(), message(far, text, options.CnssAtMostOnce)))
		}
		synctest.Wait()
		s.cut()
		<-s.ends
		synctest.Wait()
		for _, text := range []string{"one", "two"} {
			msg, _ := next(t, r)
			assert.Equal(t, text, string(msg.Data()))
		}
		received := background(func() (geminio.Message, error) { return r.Receive(context.Background()) })
		pending(t, received)
		s.cut()
		far = <-s.ends
		require.NoError(t, far.Publish(context.Background(), message(far, "three", options.CnssAtMostOnce)))
		m := <-received
		require.NoError(t, m.err)
		assert.Equal(t, "three", string(m.v.Data()))
	})
}

func TestMessagesThatAreHeldBackDoNotHoldUpTheNextSession(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal, serving, func(o *server.EndOptions) { o.SetBufferSize(1, 0) })
		r, _ := s.pair(awaitingEcho)
		defer r.Close()
		for range 20 {
			publishing(r, r.NewMessage(make([]byte, 1<<20)))
		}
		s.cut()
		<-s.ends
		echoes(t, r, "hello")
	})
}
