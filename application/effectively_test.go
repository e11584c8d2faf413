package application

import (
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

// of makes the script's peer the publisher whom ps remembers.
func of(ps *Publishers) func(*Config) {
	return func(c *Config) { c.Publishers, c.Peer.Publisher = ps, publisherID(1) }
}

// again sends the message seq of the publisher.
func (p *script) again(seq uint64) {
	p.Helper()
	fields := packet.MessageFields{ID: seq | sequenceBit, MessageID: 2000 + seq, Cnss: 3, Flags: packet.MessageRedelivered}
	p.must(packet.TypeMessage, 0, 1, packet.AppendMessage(nil, fields, ""))
}

// takes receives the message seq.
func (p *script) takes(seq uint64) geminio.Message {
	p.Helper()
	m := get(p, p.receive(background, p.e.Stream))
	require.NotNil(p, m)
	require.Equal(p, 2000+seq, m.ID())
	return m
}

// empty checks that nothing waits for Receive.
func (p *script) empty() {
	p.Helper()
	p.e.Stream.mu.Lock()
	defer p.e.Stream.mu.Unlock()
	require.Zero(p, p.e.in.queue.len())
}

// told checks that the publisher is told the verdict on seq, and only once.
func (p *script) told(seq uint64, code packet.Code, text string) {
	p.Helper()
	ack := p.nextAck()
	assert.Equal(p, seq|sequenceBit, ack.ID)
	assert.Equal(p, code, ack.Code)
	assert.Equal(p, text, string(ack.Text))
	p.untold()
}

// untold checks that no verdict is told. Credit may be.
func (p *script) untold() {
	p.Helper()
	for f, ok := p.poll(); ok; f, ok = p.poll() {
		require.NotEqual(p, packet.TypeMessageAck, f.header.Type)
	}
}

func TestEffectivelyOnceIsToldAgainWhatWasDecided(t *testing.T) {
	ps := NewPublishers()
	before := play(t, of(ps))
	before.again(1)
	before.again(2)
	require.NoError(t, before.takes(1).Done())
	before.told(1, packet.CodeOK, "")
	require.NoError(t, before.takes(2).Error(errors.New("words")))
	before.told(2, packet.CodeError, "words")
	before.lose()

	now := play(t, of(ps))
	for range 2 {
		now.again(1)
		now.told(1, packet.CodeOK, "")
		now.again(2)
		now.told(2, packet.CodeError, "words")
	}
	now.empty()
	now.again(3)
	assert.True(t, now.takes(3).(geminio.Redelivered).Redelivered())
}

func TestVerdictGivenAfterTheLossIsToldOnTheSessionThatAsks(t *testing.T) {
	for name, test := range map[string]struct {
		give func(geminio.Message) error
		code packet.Code
		text string
	}{
		"done":    {geminio.Message.Done, packet.CodeOK, ""},
		"refused": {func(m geminio.Message) error { return m.Error(errors.New("words")) }, packet.CodeError, "words"},
	} {
		t.Run(name, func(t *testing.T) {
			ps := NewPublishers()
			before := play(t, of(ps))
			before.again(1)
			before.again(2)
			first, second := before.takes(1), before.takes(2)
			before.lose()

			assert.NoError(t, test.give(first), "before anybody asks")
			now := play(t, of(ps))
			now.again(1)
			now.told(1, test.code, test.text)
			now.again(2)
			now.untold()
			now.empty()
			assert.NoError(t, test.give(second), "after somebody has asked")
			now.told(2, test.code, test.text)
			assert.NoError(t, test.give(second))
			assert.NoError(t, test.give(first))
			now.untold()
			before.untold()
			if name == "done" {
				assert.Equal(t, geminio.ErrAlreadyAcked, first.Error(errors.New("x")))
			} else {
				assert.Equal(t, geminio.ErrAlreadyAcked, first.Done())
			}
		})
	}
}

func TestVerdictThatNoSessionAsksForIsKept(t *testing.T) {
	ps := NewPublishers()
	first := play(t, of(ps))
	first.again(1)
	m := first.takes(1)
	first.lose()
	second := play(t, of(ps))
	second.again(1)
	second.lose()
	assert.NoError(t, m.Done())
	third := play(t, of(ps))
	third.again(1)
	third.told(1, packet.CodeOK, "")
}

func TestMessageThatNobodyReceivedIsDeliveredOnTheNextSession(t *testing.T) {
	for name, end := range map[string]func(*script){
		"lost":         (*script).lose,
		"closed here":  func(p *script) { p.e.mux.Close() },
		"not over yet": func(*script) {},
	} {
		t.Run(name, func(t *testing.T) {
			ps := NewPublishers()
			before := play(t, of(ps))
			before.again(1)
			require.NoError(t, before.message(1, 1, options.CnssAtLeastOnce, "", "of the session"))
			before.again(2)
			end(before)
			now := play(t, of(ps))
			now.again(1)
			now.again(2)
			require.NoError(t, now.takes(1).Done())
			now.told(1, packet.CodeOK, "")
			now.takes(2)
			m, err := before.e.Receive(background)
			require.NoError(t, err)
			assert.Equal(t, "of the session", string(m.Data()))
			before.empty()
			before.lose()
			now.again(2)
			now.empty()
			_, err = before.e.Receive(background)
			assert.True(t, err == io.EOF)
		})
	}
}

func TestWhatWaitsInAnotherSessionGivesItsCreditBack(t *testing.T) {
	ps := NewPublishers()
	before, now := play(t, of(ps)), play(t, of(ps))
	before.again(1)
	assert.Equal(t, packet.MessageFieldsLen, before.e.in.window.Unread())
	now.again(1)
	assert.Zero(t, before.e.in.window.Unread())
	now.takes(1)
}

func TestMessagesOfAPublisherThatClosedAreStillReceived(t *testing.T) {
	ps := NewPublishers()
	before := play(t, of(ps))
	before.again(1)
	before.again(2)
	before.e.mux.HandleClose(packet.CodeClosed, "")
	m := before.takes(1)
	assert.NoError(t, m.Done(), "it is kept")
	now := play(t, of(ps))
	now.again(1)
	now.told(1, packet.CodeOK, "")
	now.again(2)
	now.empty()
	assert.NoError(t, before.takes(2).Done())
	now.told(2, packet.CodeOK, "")
}

func TestWithdrawnMessageMayComeAgain(t *testing.T) {
	ps := NewPublishers()
	p := play(t, of(ps))
	cancel := func(seq uint64) {
		p.must(packet.TypeCancel, 0, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyMessage, ID: seq | sequenceBit}))
	}
	// Ids of both kinds stand in one queue.
	require.NoError(t, p.message(1, 7, 0, "", ""))
	p.again(1)
	p.again(2)
	require.NoError(t, p.message(1, 8, 0, "", ""))
	p.again(3)
	cancel(2)
	p.must(packet.TypeCancel, 0, 1, packet.AppendCancel(nil, packet.Cancel{Kind: packet.BodyMessage, ID: 7}))
	p.takes(1)
	m := get(t, p.receive(background, p.e.Stream))
	assert.Equal(t, uint64(2008), m.ID())
	m = p.takes(3)
	p.empty()
	p.again(2)
	p.takes(2)
	cancel(3)
	p.again(3)
	p.empty()
	require.NoError(t, m.Done(), "the application has it")
	p.told(3, packet.CodeOK, "")
}

func TestSequenceOlderThanWhatIsRememberedIsRefused(t *testing.T) {
	p := play(t, of(NewPublishers()))
	p.again(1)
	m := p.takes(1)
	p.again(2000)
	p.again(1)
	p.told(1, packet.CodeRefused, tooOld.text)
	require.NoError(t, m.Done(), "its own session still waits")
	p.told(1, packet.CodeOK, "")
}

func TestForgottenMessageIsOneOfItsSession(t *testing.T) {
	p := play(t, of(NewPublishers()))
	p.again(1)
	m := p.takes(1)
	p.again(2000)
	p.lose()
	assert.True(t, m.Done() == io.EOF)
}

func TestExpiredMessageIsToldSoAgain(t *testing.T) {
	ps := NewPublishers()
	p := play(t, of(ps))
	fields := packet.MessageFields{ID: 1 | sequenceBit, Cnss: 3, TimeoutMS: 1}
	p.must(packet.TypeMessage, 0, 1, packet.AppendMessage(nil, fields, ""))
	p.e.in.queue.slots[0].m.receipt.deadline = p.e.in.queue.slots[0].m.receipt.deadline.Add(-patient)
	none(t, p.receive(background, p.e.Stream))
	p.told(1, packet.CodeExpired, "")
	p.lose()
	now := play(t, of(ps))
	now.again(1)
	now.told(1, packet.CodeExpired, "")
}

func TestLargeMessageThatWasReceivedIsAnsweredWithoutItsContent(t *testing.T) {
	for name, size := range map[string]int{"in the window": 6 << 10, "beyond it": 20 << 10} {
		t.Run(name, func(t *testing.T) {
			ps := NewPublishers()
			before := play(t, of(ps))
			before.again(1)
			before.again(2)
			first, second := before.takes(1), before.takes(2)
			require.NoError(t, first.Done())
			before.lose()

			now := play(t, of(ps))
			require.NoError(t, now.announceSequence(1, size))
			now.told(1, packet.CodeOK, "")
			assert.Zero(t, now.e.in.window.Unread())

			// The verdict is not known: its content comes and goes, so that it holds
			// up nothing.
			require.NoError(t, now.announceSequence(2, size))
			head := packet.BodyHead{Kind: packet.BodyMessage, ID: 2 | sequenceBit}
			if size > 8<<10 {
				g, err := packet.ParseGrant(now.next(packet.TypeGrant).payload)
				require.NoError(t, err)
				assert.Equal(t, packet.Grant(head), g)
			}
			require.NoError(t, now.body(1, head, make([]byte, size)))
			now.again(3)
			now.takes(3)
			assert.Zero(t, now.e.in.window.Unread())
			assert.Equal(t, 1<<20, now.e.messageMemory.left)
			require.NoError(t, second.Done())
			now.told(2, packet.CodeOK, "")
		})
	}
}

func (p *script) announceSequence(seq uint64, size int) error {
	fields := packet.MessageFields{ID: seq | sequenceBit, Cnss: 3, DataLen: uint32(size)}
	return p.send(packet.TypeMessage, packet.FlagMORE, 1, packet.AppendMessage(nil, fields, ""))
}

func TestMessageThatWasArrivingIsDeliveredOnTheNextSession(t *testing.T) {
	for name, end := range map[string]func(*script){
		"lost":               (*script).lose,
		"closed by the peer": func(p *script) { p.e.mux.HandleClose(packet.CodeClosed, "") },
		"not over yet":       func(*script) {},
	} {
		t.Run(name, func(t *testing.T) {
			ps := NewPublishers()
			before := play(t, of(ps))
			require.NoError(t, before.announceSequence(1, 6<<10))
			end(before)
			now := play(t, of(ps))
			now.again(1)
			now.takes(1)
			head := packet.BodyHead{Kind: packet.BodyMessage, ID: 1 | sequenceBit}
			if name == "not over yet" {
				require.NoError(t, before.body(1, head, make([]byte, 6<<10)))
				before.empty()
				assert.Zero(t, before.e.in.window.Unread())
			}
		})
	}
}

func TestAnswersOwedToAPublisherAreBoundedByItsCredit(t *testing.T) {
	ps := NewPublishers()
	p := play(t, of(ps))
	p.again(1)
	require.NoError(t, p.takes(1).Error(errors.New(strings.Repeat("x", 1000))))
	p.nextAck()
	n := 0
	frame := packet.AppendMessage(nil, packet.MessageFields{ID: 1 | sequenceBit, Cnss: 3}, "")
	for ; n < 10000 && p.send(packet.TypeMessage, 0, 1, frame) == nil; n++ {
	}
	assert.Equal(t, 8<<10/packet.MessageFieldsLen-1, n, "the first took credit as well")
	for range n {
		assert.Len(t, p.nextAck().Text, refusalText)
	}
	assert.Zero(t, p.e.in.window.Unread())
	p.next(packet.TypeCreditMessage)
}

func TestEffectivelyOnceIsOfItsSessionAloneWhereNobodyRemembers(t *testing.T) {
	ps := NewPublishers()
	for name, with := range map[string]func(*Config){
		"no publisher":  func(c *Config) { c.Publishers = ps },
		"no publishers": func(c *Config) { c.Peer.Publisher = publisherID(1) },
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t, with)
			p.again(1)
			p.again(1)
			m := p.takes(1)
			p.takes(1)
			p.lose()
			assert.True(t, m.Done() == io.EOF)
		})
	}
	t.Run("another stream", func(t *testing.T) {
		p := play(t, of(ps))
		p.open(2)
		p.next(packet.TypeOpened)
		fields := packet.AppendMessage(nil, packet.MessageFields{ID: 1 | sequenceBit, Cnss: 3}, "")
		p.must(packet.TypeMessage, 0, 2, fields)
		p.must(packet.TypeMessage, 0, 2, fields)
		s, err := p.e.AcceptStream()
		require.NoError(t, err)
		for range 2 {
			assert.NotNil(t, get(t, p.receive(background, s.(*Stream))))
		}
	})
	t.Run("another delivery", func(t *testing.T) {
		p := play(t, of(ps))
		for range 2 {
			require.NoError(t, p.message(1, 1|sequenceBit, options.CnssAtLeastOnce, "", ""))
			assert.NotNil(t, get(t, p.receive(background, p.e.Stream)))
		}
	})
}

func TestEndIsOneOfItsPublisherUntilItHasEnded(t *testing.T) {
	ps := NewPublishers()
	assert.False(t, ps.Known(publisherID(1)))
	p := play(t, of(ps))
	assert.True(t, ps.Known(publisherID(1)))
	assert.Zero(t, ps.idle.Len())
	p.e.mux.HandleClose(packet.CodeClosed, "")
	assert.Zero(t, ps.idle.Len())
	p.lose()
	assert.Equal(t, 1, ps.idle.Len())
	assert.True(t, ps.Known(publisherID(1)))
	assert.False(t, ps.Known(publisherID(2)))
}
