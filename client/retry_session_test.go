//go:build go1.25

package client

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
)

func TestLostSessionIsFollowedByAnotherWithAllInForce(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal, serving)
		d := &diary{}
		r, far := s.pair(toldTo(d), wanting7, awaitingEcho, func(o *EndOptions) {
			o.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "local", RPC: echo}, &geminio.MethodRPC{Method: "replaced", RPC: nil})
		})
		defer r.Close()
		ctx := context.Background()
		require.NoError(t, r.Register(ctx, "echo", nil))
		require.NoError(t, r.Register(ctx, "echo", echo))
		require.NoError(t, r.Register(ctx, "replaced", echo))
		hijacked := options.Hijack()
		hijacked.SetMatch(true, "^hi")
		require.NoError(t, r.Hijack(func(_ context.Context, method string, _ geminio.Request, rsp geminio.Response) {
			rsp.SetData([]byte(method))
		}, hijacked))
		old, oldMessage := r.NewRequest([]byte("old")), r.NewMessage([]byte("old"))
		inForce := make(chan error, 1)
		d.reOnline = func(c delegate.ClientDescriber) {
			assert.Same(t, r, c)
			_, err := c.(*RetryEnd).Call(ctx, "echo", old)
			inForce <- err
		}
		for range 3 {
			s.cut()
			far = <-s.ends
			require.NoError(t, <-inForce)
			for _, method := range []string{"local", "replaced", "echo"} {
				rsp, err := far.Call(ctx, method, far.NewRequest([]byte("x")))
				require.NoError(t, err, method)
				assert.Equal(t, "x", string(rsp.Data()))
			}
			rsp, err := far.Call(ctx, "hi there", far.NewRequest(nil))
			require.NoError(t, err)
			assert.Equal(t, "hi there", string(rsp.Data()))
		}
		published := background(func() (any, error) { return nil, r.Publish(ctx, oldMessage) })
		msg, err := far.Receive(ctx)
		require.NoError(t, err)
		require.NoError(t, msg.Done())
		require.NoError(t, (<-published).err)
		assert.Equal(t, []string{
			"online 7", "offline 7", "online 7", "again 7", "offline 7", "online 7", "again 7", "offline 7", "online 7", "again 7",
		}, d.read())
	})
}

func TestServerThatClosesInOrderIsFollowedByAnotherSession(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		d := &diary{}
		r, far := s.pair(toldTo(d), wanting7)
		defer r.Close()
		require.NoError(t, far.Close())
		far = <-s.ends
		require.NoError(t, far.Register(context.Background(), "echo", echo))
		echoes(t, r, "hello")
		assert.Equal(t, []string{"online 7", "offline 7", "online 7", "again 7"}, d.read())
	})
}

func TestSessionSurvivesItsGraceAndNoLonger(t *testing.T) {
	for _, outage := range []time.Duration{25 * time.Second, 35 * time.Second} {
		bubble(t, func(t *testing.T, s *site) {
			s.up()
			d := &diary{}
			r, far := s.pair(toldTo(d), wanting7)
			defer r.Close()
			s.refuse(true)
			s.cut()
			time.Sleep(outage)
			s.refuse(false)
			if outage > 30*time.Second {
				far = <-s.ends
			}
			require.NoError(t, far.Register(context.Background(), "echo", echo))
			echoes(t, r, "hello")
			lines := slices.DeleteFunc(d.read(), func(line string) bool { return line == "suspended" || line == "resumed" })
			if outage > 30*time.Second {
				assert.Equal(t, []string{"online 7", "offline 7", "online 7", "again 7"}, lines)
			} else {
				assert.Equal(t, []string{"online 7"}, lines)
			}
		})
	}
}

func TestAnotherServerOpensASessionOnTheThirdDial(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		r, _ := s.pair(wanting7)
		defer r.Close()
		before := s.dialled()
		s.down()
		s.up()
		<-s.ends
		assert.Equal(t, 3, s.dialled()-before)
		assert.EqualValues(t, 7, r.ClientID())
	})
}

func TestRefusalsAreRetriedAndWarnedOfOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		var refusal atomic.Pointer[error]
		gate := func(o *server.EndOptions) {
			mortal(o)
			o.SetDelegate(&gatekeeper{refuse: func() error {
				if err := refusal.Load(); err != nil {
					return *err
				}
				return nil
			}})
		}
		s.up(gate)
		warned := &warnings{}
		r, _ := s.pair(func(o *EndOptions) { o.SetLog(warned) })
		defer r.Close()
		err := errors.New("not now")
		refusal.Store(&err)
		before := s.dialled()
		s.cut()
		time.Sleep(20 * time.Second)
		assert.Greater(t, s.dialled()-before, 5)
		assert.EqualValues(t, 2, warned.n.Load(), "the loss and the refusal")
		refusal.Store(nil)
		<-s.ends
	})
}

type warnings struct {
	silence
	n atomic.Int32
}

func (w *warnings) Warnf(string, ...any) { w.n.Add(1) }

func TestConnOnlineThatRefusesALaterSessionHasItTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		d := &diary{}
		r, _ := s.pair(toldTo(d), wanting7)
		defer r.Close()
		left := 3
		d.online = func(delegate.ConnDescriber) error {
			if left--; left >= 0 {
				return errors.New("later")
			}
			return nil
		}
		s.cut()
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"online 7", "offline 7", "online 7", "online 7", "online 7", "online 7", "again 7"}, d.read())
	})
}

func TestConnOnlineThatRefusesIsNotAskedTooOften(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		d := &diary{}
		r, _ := s.pair(toldTo(d), wanting7)
		defer r.Close()
		d.online = func(delegate.ConnDescriber) error { return errors.New("never") }
		s.down()
		s.up()
		time.Sleep(time.Minute)
		assert.Less(t, s.dialled(), 60)
	})
}
