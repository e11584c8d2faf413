package application

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

func (p *script) ack(stream uint32, id uint64, code packet.Code, text string) {
	p.Helper()
	p.must(packet.TypeMessageAck, 0, stream, packet.AppendMessageAck(nil, id, code, text))
}

func TestPublishReturnsTheReceiversVerdict(t *testing.T) {
	for name, test := range map[string]struct {
		code packet.Code
		text string
		want error
	}{
		"done":    {packet.CodeOK, "", nil},
		"refused": {packet.CodeError, "words", &geminio.RemoteError{Code: 1, Text: "words"}},
		"expired": {packet.CodeExpired, "", geminio.ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			done := p.publish(background, p.e.Stream, "data", options.CnssAtLeastOnce)
			m, f := p.nextMessage()
			assert.Equal(t, packet.Messages, f.class)
			none(t, done)
			p.ack(1, m.ID, test.code, test.text)
			assert.Equal(t, test.want, get(t, done))
		})
	}
}

func TestMessageCarriesAllItsFields(t *testing.T) {
	p := play(t)
	opt := withCnss(options.CnssAtEffectiveOnce)
	opt.SetCustom([]byte("custom"))
	opt.SetTopic("topic")
	msg := p.e.NewMessage([]byte("data"), opt)
	done := make(chan error, 1)
	go func() { done <- p.e.Publish(background, msg) }()
	m, _ := p.nextMessage()
	assert.Equal(t, "topic", string(m.Topic))
	assert.Equal(t, "custom", string(m.Custom))
	assert.Equal(t, "data", string(m.Data))
	assert.Equal(t, uint8(3), m.Cnss)
	assert.Equal(t, msg.ID(), m.MessageID)
	p.ack(1, m.ID, packet.CodeOK, "")
	require.NoError(t, get(t, done))
	assert.NoError(t, msg.Done(), "on the publishing side it is nobody's business")
}

func TestAtMostOnceReturnsWhenItIsCommitted(t *testing.T) {
	p := play(t)
	done := p.publish(background, p.e.Stream, "data", options.CnssAtMostOnce)
	m, _ := p.nextMessage()
	assert.NoError(t, get(t, done))
	p.ack(1, m.ID, packet.CodeError, "ignored")
}

func TestPublishThatGivesUpCancels(t *testing.T) {
	p := play(t)
	ctx, cancel := context.WithCancel(background)
	done := p.publish(ctx, p.e.Stream, "data", 0)
	m, f := p.nextMessage()
	cancel()
	assert.Equal(t, context.Canceled, get(t, done))
	c := p.next(packet.TypeCancel)
	assert.Equal(t, f.class, c.class)
	head, err := packet.ParseCancel(c.payload)
	require.NoError(t, err)
	assert.Equal(t, packet.Cancel{Kind: packet.BodyMessage, ID: m.ID}, head)
}

func TestPublishInFlightLearnsWhetherItMayHaveArrived(t *testing.T) {
	for name, stuck := range map[string]bool{"sent": false, "not sent": true} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			if stuck {
				p.c.hold(packet.Messages)
			}
			done := p.publish(background, p.e.Stream, "data", 0)
			p.nextMessage()
			p.lose()
			var callError *geminio.CallError
			require.ErrorAs(t, get(t, done), &callError)
			assert.Equal(t, !stuck, callError.MaybeExecuted)
			assert.Equal(t, geminio.ErrSessionLost, callError.Err)
			assert.True(t, p.e.Publish(background, p.e.NewMessage(nil)) == io.EOF)
		})
	}
}

func TestPublishThatIsQueuedWhenThisSideClosesMayStillArrive(t *testing.T) {
	p := play(t)
	p.c.hold(packet.Messages)
	done := p.publish(background, p.e.Stream, "data", 0)
	p.nextMessage()
	p.e.mux.Close()
	assert.Equal(t, &geminio.CallError{Err: net.ErrClosed, MaybeExecuted: true}, get(t, done))
}

func TestPublishRefusesLocallyWhatCannotBeSent(t *testing.T) {
	p := play(t)
	assert.Equal(t, packet.ErrPacketTooLarge, p.e.Publish(background, p.e.NewMessage(make([]byte, 1<<20+1))))
	msg := p.e.NewMessage(nil)
	msg.SetTopic(strings.Repeat("t", packet.MaxName+1))
	assert.Equal(t, packet.ErrPacketTooLarge, p.e.Publish(background, msg))
	msg.SetClientID(1)
	assert.Equal(t, ErrMismatchClientID, p.e.Publish(background, msg))
	msg.SetClientID(77)
	msg.SetStreamID(2)
	assert.Equal(t, ErrMismatchStreamID, p.e.Publish(background, msg))
	p.silent()
}

func TestPublishesTakeCreditInOrderAndSayBlocked(t *testing.T) {
	p := play(t)
	first := p.publish(background, p.e.Stream, strings.Repeat("1", 5<<10), options.CnssAtMostOnce)
	p.nextMessage()
	require.NoError(t, get(t, first))
	second := p.publish(background, p.e.Stream, strings.Repeat("2", 5<<10), options.CnssAtMostOnce)
	f := p.next(packet.TypeBlocked)
	b, err := packet.ParseBlocked(f.header, f.payload)
	require.NoError(t, err)
	assert.Equal(t, packet.Blocked{What: packet.BlockedMessages, At: 8 << 10}, b)

	ctx, cancel := context.WithCancel(background)
	third := p.publish(ctx, p.e.Stream, "3", options.CnssAtMostOnce) // it would fit
	fourth := make(chan error, 1)
	p.until("a wait for the turn", func() bool { return p.turns() == 1 })
	go func() {
		fourth <- p.e.Publish(background, p.e.NewMessage([]byte("4"), withCnss(options.CnssAtMostOnce)))
	}()
	p.until("two that wait for the turn", func() bool { return p.turns() == 2 })
	cancel()
	assert.Equal(t, context.Canceled, get(t, third))
	p.silent()
	p.must(packet.TypeCreditMessage, 0, 1, packet.AppendCreditMessage(nil, packet.CreditMessage{Limit: 20 << 10}))
	m, _ := p.nextMessage()
	assert.Equal(t, byte('2'), m.Data[0])
	m, _ = p.nextMessage()
	assert.Equal(t, "4", string(m.Data))
	assert.NoError(t, get(t, second))
	assert.NoError(t, get(t, fourth))
}

func (p *script) turns() int {
	p.e.Stream.mu.Lock()
	defer p.e.Stream.mu.Unlock()
	return p.e.out.turn.Len()
}

func TestSmallMessageFollowsALargeOneIntoBulk(t *testing.T) {
	p := play(t, func(c *Config) { c.Peer.MessageWindow = 512 << 10 })
	p.c.hold(packet.Bulk)
	large := p.publish(background, p.e.Stream, strings.Repeat("L", 100<<10), options.CnssAtMostOnce)
	m, f := p.nextMessage()
	assert.Equal(t, packet.Bulk, f.class)
	p.collect(packet.BodyHead{Kind: packet.BodyMessage, ID: m.ID})
	require.NoError(t, get(t, large))

	small := p.publish(background, p.e.Stream, "s", options.CnssAtMostOnce)
	_, f = p.nextMessage()
	assert.Equal(t, packet.Bulk, f.class, "the large one has not left")
	require.NoError(t, get(t, small))

	p.c.release(packet.Bulk)
	small = p.publish(background, p.e.Stream, "s", options.CnssAtMostOnce)
	_, f = p.nextMessage()
	assert.Equal(t, packet.Messages, f.class)
	require.NoError(t, get(t, small))
}

func TestLargeMessageWaitsUntilTheSmallOnesHaveLeft(t *testing.T) {
	p := play(t, func(c *Config) { c.Peer.MessageWindow = 512 << 10 })
	p.c.hold(packet.Messages)
	small := p.publish(background, p.e.Stream, "s", options.CnssAtMostOnce)
	p.nextMessage()
	require.NoError(t, get(t, small))
	large := p.publish(background, p.e.Stream, strings.Repeat("L", 100<<10), options.CnssAtMostOnce)
	p.until("a wait for the small one", func() bool { p.c.mu.Lock(); defer p.c.mu.Unlock(); return len(p.c.watchers) == 1 })
	p.silent()
	p.c.release(packet.Messages)
	m, _ := p.nextMessage()
	p.collect(packet.BodyHead{Kind: packet.BodyMessage, ID: m.ID})
	require.NoError(t, get(t, large))
}

func TestMessageBeyondTheWindowWaitsForItsGrantAndHoldsLaterOnes(t *testing.T) {
	p := play(t)
	data := strings.Repeat("L", 20<<10)
	large := p.publish(background, p.e.Stream, data, 0)
	m, f := p.nextMessage()
	assert.Equal(t, packet.FlagMORE, f.header.Flags)
	small := p.publish(background, p.e.Stream, "s", 0)
	p.until("a wait for the turn", func() bool { return p.turns() == 1 })
	p.silent()
	head := packet.BodyHead{Kind: packet.BodyMessage, ID: m.ID}
	p.must(packet.TypeGrant, 0, 1, packet.AppendGrant(nil, packet.Grant(head)))
	assert.Equal(t, data, p.collect(head))
	later, _ := p.nextMessage()
	assert.Zero(t, p.e.out.credit.bytes.used-uint64(packet.MessageCost(0, 0, 1)))
	p.ack(1, later.ID, packet.CodeOK, "")
	p.ack(1, m.ID, packet.CodeOK, "")
	assert.NoError(t, get(t, large))
	assert.NoError(t, get(t, small))
}

func TestMessageLargerThanTheWindowGoesAtOnceWhereThereIsCredit(t *testing.T) {
	p := play(t)
	p.must(packet.TypeCreditMessage, 0, 1, packet.AppendCreditMessage(nil, packet.CreditMessage{Limit: 64 << 10}))
	done := p.publish(background, p.e.Stream, strings.Repeat("L", 20<<10), options.CnssAtMostOnce)
	_, f := p.nextMessage()
	assert.Zero(t, f.header.Flags)
	assert.Equal(t, packet.Bulk, f.class)
	assert.NoError(t, get(t, done))
}

func TestGivenUpBodyIsWithdrawnBehindItsParts(t *testing.T) {
	p := play(t, func(c *Config) { c.Peer.MessageWindow = 512 << 10 })
	ctx, cancel := context.WithCancel(background)
	p.c.allow(packet.Bulk, 2)
	done := p.publish(ctx, p.e.Stream, strings.Repeat("L", 200<<10), 0)
	m, _ := p.nextMessage()
	p.until("a wait for room", func() bool { return p.c.waits(packet.Bulk) == 1 })
	cancel()
	assert.Equal(t, context.Canceled, get(t, done))
	for {
		f, ok := p.poll()
		require.True(t, ok, "no CANCEL")
		if f.header.Type == packet.TypeCancel {
			head, err := packet.ParseCancel(f.payload)
			require.NoError(t, err)
			assert.Equal(t, packet.Cancel{Kind: packet.BodyMessage, ID: m.ID}, head)
			assert.Equal(t, packet.Bulk, f.class)
			break
		}
	}
	p.silent()
}

func TestCloseFinishesABodyThatHasBegun(t *testing.T) {
	p := play(t, func(c *Config) { c.Peer.MessageWindow = 512 << 10 })
	p.c.allow(packet.Bulk, 2)
	data := strings.Repeat("L", 200<<10)
	done := p.publish(background, p.e.Stream, data, options.CnssAtMostOnce)
	m, _ := p.nextMessage()
	p.until("a wait for room", func() bool { return p.c.waits(packet.Bulk) == 1 })
	p.e.mux.Close()
	p.c.free(packet.Bulk)
	assert.Equal(t, data, p.collect(packet.BodyHead{Kind: packet.BodyMessage, ID: m.ID}))
	p.next(packet.TypeEnd)
	assert.NoError(t, get(t, done))
}

func TestPublishWaitingForItsTurnEndsWithTheStream(t *testing.T) {
	p := play(t)
	p.publish(background, p.e.Stream, strings.Repeat("L", 20<<10), 0)
	p.nextMessage()
	waiting := p.publish(background, p.e.Stream, "s", 0)
	p.until("a wait for the turn", func() bool { return p.turns() == 1 })
	p.lose()
	var callError *geminio.CallError
	require.ErrorAs(t, get(t, waiting), &callError)
	assert.False(t, callError.MaybeExecuted)
	assert.True(t, errors.Is(callError, geminio.ErrSessionLost))
}
