package server

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/singchia/go-timer/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

// adds is a timer that tells when something is added to it.
type adds struct {
	timer.Timer
	added chan time.Duration
}

func (a adds) Add(d time.Duration, opts ...timer.TickOption) timer.Tick {
	select {
	case a.added <- d:
	default:
	}
	return a.Timer.Add(d, opts...)
}

// counted makes ids that begin at 1000.
type counted struct{ n uint64 }

func (c *counted) NewPacketID() uint64 { c.n++; return 1000 + c.n }

func TestEveryOptionReachesTheEnd(t *testing.T) {
	rec := newRecorder()
	registered := make(chan string, 1)
	d := &registrations{recorder: rec, methods: registered}
	accepted, closed := make(chan geminio.Stream, 1), make(chan geminio.Stream, 1)
	so := quiet()
	so.SetDelegate(d)
	so.SetAcceptStreamFunc(func(s geminio.Stream) { accepted <- s })
	so.SetClosedStreamFunc(func(s geminio.Stream) { closed <- s })
	so.SetRemoteRPCCheck()
	so.SetPacketFactory(&counted{})
	so.SetLimits(options.Limits{MaxBody: 1000})

	beat := adds{timer.NewTimer(), make(chan time.Duration, 1)}
	defer beat.Close()
	co := clientOptions("me")
	co.SetTimer(beat)
	co.SetHeartbeat(time.Minute)
	co.SetRemoteRPCCheck()
	co.SetPacketFactory(&counted{})
	n, f := pair(co, so)
	require.NoError(t, n.err)
	require.NoError(t, f.err)
	near, far := n.v, f.v
	defer near.Close()
	defer far.Close()

	assert.Equal(t, 20*time.Second, receive(t, beat.added), "the smaller interval of both sides")
	ctx := context.Background()
	require.NoError(t, near.Register(ctx, "work", func(context.Context, geminio.Request, geminio.Response) {}))
	assert.Equal(t, "work", receive(t, registered))

	for _, end := range []geminio.End{near, far} {
		_, err := end.Call(ctx, "none", end.NewRequest(nil))
		assert.Equal(t, application.ErrRemoteRPCUnregistered, err)
		assert.Less(t, end.NewRequest(nil).ID(), uint64(2000))
	}
	err := near.Publish(ctx, near.NewMessage(bytes.Repeat([]byte("a"), 1001)))
	assert.Equal(t, packet.ErrPacketTooLarge, err)

	_, err = far.AcceptStream()
	assert.Equal(t, application.ErrAcceptChNotEnabled, err)
	s, err := near.OpenStream()
	require.NoError(t, err)
	at := receive(t, accepted)
	assert.Equal(t, s.StreamID(), at.StreamID())
	s.Close()
	assert.Equal(t, at, receive(t, closed))
}

// registrations is a recorder that is told of methods.
type registrations struct {
	*recorder
	methods chan string
}

func (r *registrations) RemoteRegistration(method string, clientID, streamID uint64) {
	r.methods <- method
}

func TestLimitsAreOfferedToThePeerAndKeptHere(t *testing.T) {
	limits := options.Limits{
		OpenBacklog: 10, StreamWindow: 20000, MessageWindow: 30000, StreamMessageWindow: 40000,
		RequestWindow: 50000, ResponseWindow: 60000, MaxRunningCalls: 70, MaxWaitingCalls: 7, MaxBody: 80000,
		HandshakeTimeout: time.Minute,
	}
	o := quiet()
	o.SetLimits(limits)
	o.SetHeartbeat(time.Hour)
	o.SetBufferSize(5, 6)
	s, err := newSetup([]*EndOptions{o}, true)
	require.NoError(t, err)

	cc := s.connConfig(&handshake{})
	assert.Equal(t, time.Minute, cc.HandshakeTimeout)
	assert.Equal(t, time.Hour, cc.Heartbeat)
	assert.Equal(t, packet.Hello{
		StreamWindow:  20000,
		MessageWindow: 30000,
		OpenCredit:    packet.CreditOpen{Opens: 10, StreamWindow: 20000, MessageWindow: 40000},
		CallCredit:    packet.CreditCall{Requests: 77, RequestBytes: 50000, ResponseBytes: 60000},
		MaxBody:       80000,
	}, cc.Offer)

	ac := s.endConfig(&conn.Conn{}, &handshake{})
	assert.Equal(t, 5, ac.ReadQueue)
	assert.Equal(t, 80000, ac.Limits.MaxBody)
}

func TestZeroOptionsWork(t *testing.T) {
	near, far := pair(&client.EndOptions{}, &EndOptions{})
	require.NoError(t, near.err)
	require.NoError(t, far.err)
	near.v.Close()
	far.v.Close()
}
