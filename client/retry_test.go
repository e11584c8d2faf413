//go:build go1.25

package client

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
)

func TestRetryEndReturnsTheFirstFailureAndTriesNothingAgain(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		end, err := NewRetryEndWithDialer(s.dial, quiet())
		assert.Nil(t, end)
		assert.Equal(t, errRefused, err)

		s.up(func(o *server.EndOptions) {
			o.SetDelegate(&gatekeeper{refuse: func() error { return errors.New("not you") }})
		})
		d := &diary{}
		o := quiet()
		o.SetDelegate(d)
		end, err = NewRetryEndWithDialer(s.dial, o)
		assert.Nil(t, end)
		var remote *geminio.RemoteError
		require.ErrorAs(t, err, &remote)
		assert.Equal(t, "not you", remote.Text)
		assert.Empty(t, d.read())

		s.down()
		s.up()
		refused := errors.New("refused here")
		d.online = func(delegate.ConnDescriber) error { return refused }
		end, err = NewRetryEndWithDialer(s.dial, o)
		assert.Nil(t, end)
		assert.Equal(t, refused, err)
		time.Sleep(time.Hour)
		assert.Equal(t, 3, s.dialled())
	})
}

// gatekeeper is a server's delegate that refuses clients.
type gatekeeper struct {
	delegate.UnimplementedDelegate
	refuse func() error
}

func (g *gatekeeper) GetClientID(wanted uint64, _ []byte) (uint64, error) { return wanted, g.refuse() }

func TestFirstSessionThatIsLostWhileItIsSetUpIsTheConstructorsError(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		o := quiet()
		o.SetWaitRemoteRPCs("never")
		made := background(func() (geminio.End, error) { return NewRetryEndWithDialer(s.dial, o) })
		pending(t, made)
		s.cut()
		m := <-made
		assert.Nil(t, m.v)
		assert.ErrorIs(t, m.err, io.ErrUnexpectedEOF)
		time.Sleep(time.Hour)
		assert.Equal(t, 1, s.dialled())
	})
}

func TestFirstSessionSurvivesACutWhileItIsSetUp(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		o := quiet()
		o.SetWaitRemoteRPCs("echo")
		made := background(func() (geminio.End, error) { return NewRetryEndWithDialer(s.dial, o) })
		far := <-s.ends
		s.cut()
		pending(t, made)
		require.NoError(t, far.Register(context.Background(), "echo", echo))
		m := <-made
		require.NoError(t, m.err)
		defer m.v.Close()
		echoes(t, m.v, "hello")
		assert.Equal(t, 2, s.dialled())
	})
}

func TestOptionsThatContradictAreTheConstructorsErrorThoughItIsLazy(t *testing.T) {
	o := quiet()
	o.SetLazyDial()
	o.SetLimits(options.Limits{MaxBody: -1})
	_, err := NewRetryEndWithDialer(func() (net.Conn, error) { panic("dialled") }, o)
	require.ErrorContains(t, err, "MaxBody")
}

func TestLazyRetryEndIsThereBeforeItsConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		d := &diary{}
		r := s.client(lazy, wanting7, toldTo(d), awaitingEcho)
		defer r.Close()
		assert.EqualValues(t, 7, r.ClientID())
		assert.Equal(t, []byte("me"), r.Meta())
		assert.EqualValues(t, 1, r.StreamID())
		assert.Equal(t, geminio.InitiatorSide, r.Side())
		assert.NotNil(t, r.LocalAddr())
		assert.NotNil(t, r.RemoteAddr())
		assert.NotNil(t, r.Addr())
		assert.Empty(t, r.ListStreams())
		assert.Empty(t, r.Peer())

		req := r.NewRequest([]byte("early"))
		called := background(func() (geminio.Response, error) { return r.Call(context.Background(), "echo", req) })
		written := background(func() (int, error) { return r.Write([]byte("bytes")) })
		published := background(func() (any, error) { return nil, r.Publish(context.Background(), r.NewMessage(nil)) })
		registered := background(func() (any, error) { return nil, r.Register(context.Background(), "echo", echo) })
		opened := background(func() (geminio.Stream, error) { return r.OpenStream() })
		time.Sleep(5 * time.Second)
		pending(t, called)
		assert.Greater(t, s.dialled(), 3)

		s.up(func(o *server.EndOptions) {
			o.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "echo", RPC: echo})
		})
		far := <-s.ends
		c := <-called
		require.NoError(t, c.err)
		assert.Equal(t, "early", string(c.v.Data()))
		assert.Equal(t, 5, (<-written).v)
		got := make([]byte, 5)
		_, err := io.ReadFull(far, got)
		require.NoError(t, err)
		msg, err := far.Receive(context.Background())
		require.NoError(t, err)
		require.NoError(t, msg.Done())
		require.NoError(t, (<-published).err)
		require.NoError(t, (<-registered).err)
		echoes(t, far, "back")
		require.NoError(t, (<-opened).err)
		assert.Equal(t, []string{"online 7"}, d.read())
		assert.Len(t, r.ListStreams(), 2)
	})
}

func TestNobodyNoticesACut(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		d := &diary{}
		r, far := s.pair(toldTo(d), wanting7)
		defer r.Close()
		var runs atomic.Int32
		release := make(chan struct{})
		require.NoError(t, far.Register(context.Background(), "slow", func(context.Context, geminio.Request, geminio.Response) {
			runs.Add(1)
			<-release
		}))
		called := background(func() (any, error) {
			_, err := r.Call(context.Background(), "slow", r.NewRequest(nil))
			return nil, err
		})
		read := background(func() (string, error) {
			b := make([]byte, 10)
			n, err := r.Read(b)
			return string(b[:n]), err
		})
		received := background(func() (geminio.Message, error) { return r.Receive(context.Background()) })
		published := background(func() (any, error) { return nil, r.Publish(context.Background(), r.NewMessage([]byte("m"))) })
		near, err := r.OpenStream()
		require.NoError(t, err)
		synctest.Wait()
		for range 10 {
			s.cut()
			_, err := near.Write([]byte("x"))
			require.NoError(t, err)
			time.Sleep(10 * time.Second)
		}
		pending(t, called)
		close(release)
		require.NoError(t, (<-called).err)
		assert.EqualValues(t, 1, runs.Load())
		_, err = far.Write([]byte("hello"))
		require.NoError(t, err)
		assert.Equal(t, result[string]{"hello", nil}, <-read)
		go far.Publish(context.Background(), far.NewMessage([]byte("to you")))
		m := <-received
		require.NoError(t, m.err)
		require.NoError(t, m.v.Done())
		msg, err := far.Receive(context.Background())
		require.NoError(t, err)
		require.NoError(t, msg.Done())
		require.NoError(t, (<-published).err)
		assert.Equal(t, []string{"online 7"}, slices.DeleteFunc(d.read(), func(line string) bool {
			return line == "suspended" || line == "resumed"
		}))
		assert.EqualValues(t, 10, r.current.Load().conn.Stats().Resumes)
		accepted, err := far.AcceptStream()
		require.NoError(t, err)
		got := make([]byte, 10)
		_, err = io.ReadFull(accepted, got)
		require.NoError(t, err)
		assert.Empty(t, s.ends)
	})
}

func TestSuspendDelegateIsToldOfEachConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		d := &diary{}
		r, _ := s.pair(toldTo(d), wanting7)
		for range 2 {
			s.cut()
			time.Sleep(time.Second)
		}
		assert.Equal(t, []string{"online 7", "suspended", "resumed", "suspended", "resumed"}, d.read())
		s.down()
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"suspended", "offline 7"}, d.read())
		require.NoError(t, r.Close())
		assert.Empty(t, d.read())
	})
}
