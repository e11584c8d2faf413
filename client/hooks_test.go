//go:build go1.25

package client

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

func TestDelegateIsToldOfNothingBeforeConnOnlineHasReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder()
		s, err := newSetup([]*EndOptions{told(rec)})
		require.NoError(t, err)
		h := newHooks(rec, s.log)
		cfg := s.endConfig(&conn.Conn{}, h)
		go cfg.RemoteRegistration("work", 7, 1)
		go cfg.Dialogues.DialogueOnline(nil)
		go cfg.ConnOffline()
		synctest.Wait()
		rec.nothing(t)

		require.NoError(t, h.online(describer{}))
		rec.expect(t, "online me")
		synctest.Wait()
		assert.ElementsMatch(t, []string{"registered work", "stream online", "offline me"},
			[]string{<-rec.events, <-rec.events, <-rec.events})
	})
}

func TestEndWithoutDelegateHasNoCallbacks(t *testing.T) {
	s, err := newSetup([]*EndOptions{quiet()})
	require.NoError(t, err)
	cfg := s.endConfig(&conn.Conn{}, newHooks(nil, s.log))
	assert.Nil(t, cfg.Dialogues)
	assert.Nil(t, cfg.RemoteRegistration)
}

func TestLimitsAreOfferedToThePeerAndKeptHere(t *testing.T) {
	o := quiet()
	o.SetLimits(options.Limits{
		OpenBacklog: 10, StreamWindow: 20000, MessageWindow: 30000, StreamMessageWindow: 40000,
		RequestWindow: 50000, ResponseWindow: 60000, MaxRunningCalls: 70, MaxWaitingCalls: 7, MaxBody: 80000,
		HandshakeTimeout: time.Minute,
	})
	o.SetHeartbeat(time.Hour)
	o.SetBufferSize(5, 6)
	s, err := newSetup([]*EndOptions{o})
	require.NoError(t, err)

	cc := s.connConfig()
	assert.Equal(t, time.Minute, cc.HandshakeTimeout)
	assert.Equal(t, time.Hour, cc.Heartbeat)
	assert.Equal(t, packet.Hello{
		StreamWindow:  20000,
		MessageWindow: 30000,
		OpenCredit:    packet.CreditOpen{Opens: 10, StreamWindow: 20000, MessageWindow: 40000},
		CallCredit:    packet.CreditCall{Requests: 77, RequestBytes: 50000, ResponseBytes: 60000},
		MaxBody:       80000,
	}, cc.Offer)

	ac := s.endConfig(&conn.Conn{}, newHooks(nil, s.log))
	assert.Equal(t, 5, ac.ReadQueue)
	assert.Equal(t, 80000, ac.Limits.MaxBody)
}
