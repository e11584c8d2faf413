package application

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
)

func (p *script) nextAck() packet.MessageAck {
	p.Helper()
	a, err := packet.ParseMessageAck(p.next(packet.TypeMessageAck).payload)
	require.NoError(p, err)
	return a
}

// receive receives in the background.
func (p *script) receive(ctx context.Context, s *Stream) <-chan geminio.Message {
	done := make(chan geminio.Message, 1)
	go func() {
		m, err := s.Receive(ctx)
		if err == nil {
			done <- m
		}
		close(done)
	}()
	return done
}

// receivers tells how many wait in Receive.
func (p *script) receivers(s *Stream) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.in == nil {
		return 0
	}
	return s.in.receivers.Len()
}

func TestReceiveReturnsMessagesInOrderWithTheirFields(t *testing.T) {
	p := play(t)
	fields := packet.AppendMessage(nil, packet.MessageFields{
		ID: 1, MessageID: 50, Cnss: 3, Flags: packet.MessageRedelivered, TimeoutMS: 60000, CustomLen: 2, DataLen: 4,
	}, "topic")
	p.must(packet.TypeMessage, 0, 1, append(fields, "cudata"...))
	require.NoError(t, p.message(1, 2, 0, "topic", "second"))
	m, err := p.e.Receive(background)
	require.NoError(t, err)
	assert.Equal(t, "topic", m.Topic())
	assert.Equal(t, "cu", string(m.Custom()))
	assert.Equal(t, 2, cap(m.Custom()))
	assert.Equal(t, "data", string(m.Data()))
	assert.Equal(t, options.CnssAtEffectiveOnce, m.Cnss())
	assert.Equal(t, uint64(50), m.ID())
	assert.Equal(t, uint64(77), m.ClientID())
	assert.Equal(t, uint64(1), m.StreamID())
	assert.True(t, m.(geminio.Redelivered).Redelivered())
	assert.InDelta(t, 60, m.Timeout().Seconds(), 10)
	m, err = p.e.Receive(background)
	require.NoError(t, err)
	assert.Equal(t, "second", string(m.Data()))
	assert.False(t, m.(geminio.Redelivered).Redelivered())
}

func TestVerdictIsSentOnce(t *testing.T) {
	for name, test := range map[string]struct {
		first, opposite func(geminio.Message) error
		code            packet.Code
		text            string
	}{
		"done":    {geminio.Message.Done, func(m geminio.Message) error { return m.Error(errors.New("x")) }, packet.CodeOK, ""},
		"nil":     {func(m geminio.Message) error { return m.Error(nil) }, func(m geminio.Message) error { return m.Error(errors.New("x")) }, packet.CodeOK, ""},
		"refused": {func(m geminio.Message) error { return m.Error(errors.New("words")) }, geminio.Message.Done, packet.CodeError, "words"},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			require.NoError(t, p.message(1, 9, 0, "", "x"))
			m, err := p.e.Receive(background)
			require.NoError(t, err)
			m.SetClientID(1)
			m.SetStreamID(2)
			m.SetCustom([]byte("changed")) // none of it changes where the verdict goes
			require.NoError(t, test.first(m))
			ack := p.nextAck()
			assert.Equal(t, uint64(9), ack.ID)
			assert.Equal(t, test.code, ack.Code)
			assert.Equal(t, test.text, string(ack.Text))
			assert.NoError(t, test.first(m))
			assert.Equal(t, geminio.ErrAlreadyAcked, test.opposite(m))
			p.silent()
			p.lose()
			assert.True(t, test.first(m) == io.EOF)
			assert.True(t, test.opposite(m) == io.EOF)
		})
	}
}

func TestVerdictOnAnAtMostOnceMessageGoesNowhere(t *testing.T) {
	p := play(t)
	require.NoError(t, p.message(1, 9, options.CnssAtMostOnce, "", "x"))
	m, err := p.e.Receive(background)
	require.NoError(t, err)
	assert.NoError(t, m.Done())
	assert.NoError(t, m.Error(errors.New("x")))
	p.silent()
}

func TestVerdictThatWaitsForRoomEndsWithTheStream(t *testing.T) {
	p := play(t)
	require.NoError(t, p.message(1, 9, 0, "", "x"))
	m, err := p.e.Receive(background)
	require.NoError(t, err)
	p.c.fill(packet.Messages)
	done := make(chan error, 1)
	go func() { done <- m.Done() }()
	p.until("a wait for room", func() bool { return p.c.waits(packet.Messages) == 1 })
	p.e.mux.Close()
	assert.True(t, get(t, done) == io.EOF)
	p.next(packet.TypeEnd)
}

func TestReceiveAfterTheEndDrainsThenEOF(t *testing.T) {
	for name, end := range map[string]func(*script){
		"closed here":        func(p *script) { p.e.mux.Close() },
		"closed by the peer": func(p *script) { p.e.mux.HandleClose(packet.CodeClosed, "") },
		"lost":               func(p *script) { p.lose() },
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			require.NoError(t, p.message(1, 1, 0, "", "queued"))
			end(p)
			m, err := p.e.Receive(background)
			require.NoError(t, err)
			assert.Equal(t, "queued", string(m.Data()))
			assert.True(t, m.Done() == io.EOF)
			_, err = p.e.Receive(background)
			assert.True(t, err == io.EOF)
		})
	}
}

func TestReceiveHonoursItsContextAndTheEnd(t *testing.T) {
	p := play(t)
	ctx, cancel := context.WithCancel(background)
	errs := make(chan error, 2)
	go func() { _, err := p.e.Receive(ctx); errs <- err }()
	p.until("a receiver", func() bool { return p.receivers(p.e.Stream) == 1 })
	cancel()
	assert.Equal(t, context.Canceled, get(t, errs))
	_, err := p.e.Receive(ctx)
	assert.Equal(t, context.Canceled, err)
	for range 2 {
		go func() { _, err := p.e.Receive(background); errs <- err }()
	}
	p.until("receivers", func() bool { return p.receivers(p.e.Stream) == 2 })
	p.lose()
	assert.Equal(t, io.EOF, get(t, errs))
	assert.Equal(t, io.EOF, get(t, errs))
}

func TestCreditForMessagesReturnsWhenTheyAreReceived(t *testing.T) {
	p := play(t)
	for i := range 3 {
		require.NoError(t, p.message(1, uint64(i+1), 0, "", strings.Repeat("x", 2000)))
	}
	p.silent()
	assert.Error(t, p.message(1, 4, 0, "", strings.Repeat("x", 2200)), "beyond the credit")
	for range 2 {
		_, err := p.e.Receive(background)
		require.NoError(t, err)
	}
	p.silent()
	_, err := p.e.Receive(background)
	require.NoError(t, err)
	c, err := packet.ParseCreditMessage(p.next(packet.TypeCreditMessage).payload)
	require.NoError(t, err)
	assert.Equal(t, uint64(3*2032+8<<10), c.Limit)
}

func TestBlockedPeerGetsCreditWhenNothingIsLeftToReceive(t *testing.T) {
	p := play(t)
	require.NoError(t, p.message(1, 1, 0, "", "x"))
	p.must(packet.TypeBlocked, 0, 1, packet.AppendBlocked(nil, packet.Blocked{What: packet.BlockedMessages, At: 8 << 10}))
	p.silent()
	_, err := p.e.Receive(background)
	require.NoError(t, err)
	c, err := packet.ParseCreditMessage(p.next(packet.TypeCreditMessage).payload)
	require.NoError(t, err)
	assert.Equal(t, uint64(33+8<<10), c.Limit)
}

func TestNoCreditWhileMoreMessagesWaitThanWanted(t *testing.T) {
	p := play(t, func(c *Config) { c.ReadQueue = 1 })
	for i := range 4 {
		require.NoError(t, p.message(1, uint64(i+1), 0, "", strings.Repeat("x", 2048-packet.MessageFieldsLen)))
	}
	for range 2 {
		_, err := p.e.Receive(background)
		require.NoError(t, err)
	}
	p.silent() // half of the window is free, but two wait
	_, err := p.e.Receive(background)
	require.NoError(t, err)
	p.next(packet.TypeCreditMessage)
}

func TestWithdrawnMessageIsNotReceived(t *testing.T) {
	p := play(t)
	for i := range 3 {
		require.NoError(t, p.message(1, uint64(i+1), 0, "", string(rune('1'+i))))
	}
	cancel := func(id uint64) {
		p.must(packet.TypeCancel, 0, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyMessage, ID: id}))
	}
	cancel(2)
	cancel(2)
	cancel(7)
	assert.Equal(t, 2*33, p.e.in.window.Unread())
	for _, want := range []string{"1", "3"} {
		m, err := p.e.Receive(background)
		require.NoError(t, err)
		assert.Equal(t, want, string(m.Data()))
	}
	p.lose()
	_, err := p.e.Receive(background)
	assert.Equal(t, io.EOF, err)
}

func (p *script) announce(id uint64, size int) error {
	return p.send(packet.TypeMessage, packet.FlagMORE, 1, packet.AppendMessage(nil, packet.MessageFields{ID: id, DataLen: uint32(size)}, ""))
}

func TestLargeMessageIsGrantedOnlyWhileSomebodyReceives(t *testing.T) {
	p := play(t)
	data := strings.Repeat("L", 20<<10)
	head := packet.BodyHead{Kind: packet.BodyMessage, ID: 1}
	require.NoError(t, p.announce(1, len(data)))
	p.silent()
	assert.ErrorIs(t, p.message(1, 2, 0, "", "x"), errMessageOrder)
	assert.ErrorIs(t, p.body(1, head, []byte(data)), errBodyNotAllowed)

	done := p.receive(background, p.e.Stream)
	g, err := packet.ParseGrant(p.next(packet.TypeGrant).payload)
	require.NoError(t, err)
	assert.Equal(t, packet.Grant(head), g)
	require.NoError(t, p.body(1, head, []byte(data)))
	m := get(t, done)
	require.NotNil(t, m)
	assert.Equal(t, data, string(m.Data()))
	assert.Equal(t, 1<<20, p.e.messageMemory.left)
	require.NoError(t, m.Done())
	assert.Equal(t, uint64(1), p.nextAck().ID)
}

func TestReceiverThatGivesUpTakesBackWhatWasNotGranted(t *testing.T) {
	p := play(t)
	p.e.messageMemory.left = 10 << 10
	require.NoError(t, p.announce(1, 20<<10))
	ctx, cancel := context.WithCancel(background)
	done := p.receive(ctx, p.e.Stream)
	p.until("a queued grant", func() bool {
		p.e.messageMemory.mu.Lock()
		defer p.e.messageMemory.mu.Unlock()
		return p.e.messageMemory.first != nil
	})
	cancel()
	get(t, done)
	assert.Nil(t, p.e.messageMemory.first)
	assert.Nil(t, p.e.in.granted)
	p.e.messageMemory.left = 20 << 10
	done = p.receive(background, p.e.Stream)
	p.next(packet.TypeGrant)
	p.must(packet.TypeCancel, 0, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyMessage, ID: 1}))
	assert.Equal(t, 20<<10, p.e.messageMemory.left)
	require.NoError(t, p.message(1, 2, 0, "", "after"))
	assert.Equal(t, "after", string(get(t, done).Data()))
}

func TestEndOfAStreamGivesEverythingBack(t *testing.T) {
	p := play(t)
	before := p.e.budget.Left()
	p.open(2)
	p.next(packet.TypeOpened)
	s, err := p.e.AcceptStream()
	require.NoError(t, err)
	require.NoError(t, p.message(2, 1, 0, "", strings.Repeat("x", 3000)))
	p.must(packet.TypeMessage, packet.FlagMORE, 2, packet.AppendMessage(nil, packet.MessageFields{ID: 2, DataLen: 20 << 10}, ""))
	done := p.receive(background, s.(*Stream))
	assert.Len(t, get(t, done).Data(), 3000)
	waiting := p.receive(background, s.(*Stream))
	p.next(packet.TypeGrant)
	p.must(packet.TypeEnd, 0, 2, nil)
	assert.Nil(t, get(t, waiting))
	assert.Equal(t, 1<<20, p.e.messageMemory.left)
	assert.GreaterOrEqual(t, p.e.budget.Left(), before)
}

// take takes the message id out of q, if it is there.
func take(q *messageQueue, id uint64) *receivedMessage {
	m := q.find(id)
	if m != nil {
		q.remove(m)
	}
	return m
}

func TestMessageQueueDropsGapsAndKeepsOrder(t *testing.T) {
	var q messageQueue
	push := func(ids ...uint64) {
		for _, id := range ids {
			m := &receivedMessage{}
			m.receipt.id = id
			q.push(m)
		}
	}
	assert.Nil(t, q.pop())
	assert.Nil(t, take(&q, 1))
	push(1, 2, 3, 4, 5, 6)
	assert.Equal(t, uint64(1), q.pop().receipt.id)
	for _, id := range []uint64{2, 4, 6} {
		assert.Equal(t, id, take(&q, id).receipt.id)
		assert.Nil(t, take(&q, id))
	}
	assert.Nil(t, take(&q, 1))
	assert.Equal(t, 2, q.len())
	assert.LessOrEqual(t, len(q.slots), 5, "gaps are not kept for ever")
	push(7)
	for _, id := range []uint64{3, 5, 7} {
		assert.Equal(t, id, q.pop().receipt.id)
	}
	assert.Nil(t, q.pop())
	assert.Zero(t, q.len())
	push(8)
	assert.NotNil(t, take(&q, 8))
	assert.Nil(t, q.pop())
	for i := range uint64(1000) {
		push(i + 10)
		q.pop()
	}
	assert.LessOrEqual(t, cap(q.slots), 16)
}

func TestMessageQueueFindsIdsOfBothKinds(t *testing.T) {
	var q messageQueue
	for _, id := range []uint64{5, sequenceBit | 1, sequenceBit | 2, 6, sequenceBit | 3, 9} {
		m := &receivedMessage{}
		m.receipt.id = id
		q.push(m)
	}
	assert.Equal(t, uint64(5), q.pop().receipt.id)
	assert.Nil(t, take(&q, 5), "those behind it stand at the same place")
	for _, id := range []uint64{sequenceBit | 2, 6, sequenceBit | 1, 9} {
		assert.Equal(t, id, take(&q, id).receipt.id)
		assert.Nil(t, take(&q, id))
	}
	assert.Equal(t, 1, q.len())
	q.drop(func(m *receivedMessage) bool { return m.receipt.id == sequenceBit|3 })
	assert.Zero(t, q.len())
	assert.Nil(t, q.pop())
}

// A peer may let go of several that it publishes at once in any order.
func TestMessageOfAPublisherIsFoundWhateverItsPlaceInTheQueue(t *testing.T) {
	ps := NewPublishers()
	p, now := play(t, of(ps)), play(t, of(ps))
	for _, seq := range []uint64{9, 3, 7, 1, 8} {
		p.again(seq)
	}
	p.takes(9)
	for _, seq := range []uint64{1, 8, 3} {
		now.again(seq)
		now.takes(seq)
	}
	p.takes(7)
	p.empty()
}

func TestSessionWithdrawsOnlyWhatCameOnIt(t *testing.T) {
	ps := NewPublishers()
	p, other := play(t, of(ps)), play(t, of(ps))
	other.again(1)
	p.again(2)
	p.must(packet.TypeCancel, 0, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyMessage, ID: 1 | sequenceBit}))
	p.takes(2)
	other.takes(1)
}
