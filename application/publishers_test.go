package application

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/singchia/geminio/packet"
)

func publisherID(n int) (id [16]byte) {
	binary.BigEndian.PutUint64(id[8:], uint64(n)+1)
	return id
}

func TestPublisherIsRememberedTenMinutesBeyondItsLastEnd(t *testing.T) {
	ps, now, id := NewPublishers(), time.Now(), publisherID(0)
	assert.False(t, ps.knows(id, now))
	p := ps.attach(id, now)
	assert.Same(t, p, ps.attach(id, now), "a second End")
	ps.detach(p, now)
	now = now.Add(time.Hour)
	assert.True(t, ps.knows(id, now), "it has an End")
	ps.detach(p, now)
	now = now.Add(rememberedFor - 1)
	assert.True(t, ps.knows(id, now), "which says that an End is about to come")
	now = now.Add(rememberedFor - 1)
	assert.Same(t, p, ps.attach(id, now))
	assert.Zero(t, ps.idle.Len())
	ps.detach(p, now)
	assert.False(t, ps.knows(id, now.Add(rememberedFor)))
	assert.Empty(t, ps.known)
	assert.Zero(t, ps.idle.Len())
	assert.NotSame(t, p, ps.attach(id, now.Add(rememberedFor)))
}

func TestPublishersBeyondTheLimitAreForgottenOldestFirstAndNeverWithAnEnd(t *testing.T) {
	ps, now := NewPublishers(), time.Now()
	attached := ps.attach(publisherID(0), now)
	for i := 1; i <= mostPublishers; i++ {
		ps.detach(ps.attach(publisherID(i), now), now)
		assert.LessOrEqual(t, len(ps.known), mostPublishers)
	}
	assert.False(t, ps.knows(publisherID(1), now))
	assert.True(t, ps.knows(publisherID(0), now), "it has an End")
	assert.True(t, ps.knows(publisherID(2), now)) // and so the next to go is 3
	ps.detach(ps.attach(publisherID(5000), now), now)
	assert.False(t, ps.knows(publisherID(3), now))
	assert.True(t, ps.knows(publisherID(2), now))

	for i := range mostPublishers {
		ps.attach(publisherID(10000+i), now)
	}
	assert.Len(t, ps.known, mostPublishers+1, "all have an End")
	ps.detach(attached, now)
	assert.Len(t, ps.known, mostPublishers)
	assert.False(t, ps.knows(publisherID(0), now))
}

// arrive has the message seq arrive at p on s.
func arrive(p *publisher, s *Stream, seq uint64) (*receivedMessage, fate, refusal) {
	m := &receivedMessage{}
	m.receipt.stream, m.receipt.id, m.receipt.publisher = s, seq|sequenceBit, p
	was, said := p.admit(m)
	return m, was, said
}

func TestPublisherRemembersItsNewest1024Messages(t *testing.T) {
	p, s := &publisher{}, &Stream{}
	const first = 5000
	for seq := uint64(first); seq < first+remembered; seq++ {
		m, was, _ := arrive(p, s, seq)
		assert.Equal(t, unseen, was)
		p.hand(m)
		if seq%3 > 0 {
			code := packet.CodeOK
			if seq%3 == 2 {
				code = packet.CodeError
			}
			asker, known := p.decide(seq|sequenceBit, code, "words")
			assert.Same(t, s, asker)
			assert.True(t, known)
		}
	}
	again := func(from uint64) {
		for seq := from; seq < first+remembered; seq++ {
			_, was, said := arrive(p, s, seq)
			assert.Equal(t, []fate{pending, accepted, declined}[seq%3], was, "%d", seq)
			if was == declined {
				assert.Equal(t, refusal{packet.CodeError, "words"}, said)
			}
		}
	}
	again(first)
	_, was, said := arrive(p, s, first-1)
	assert.Equal(t, declined, was)
	assert.Equal(t, tooOld, said)

	arrive(p, s, first+remembered) // it takes the place of the first
	_, was, said = arrive(p, s, first)
	assert.Equal(t, declined, was)
	assert.Equal(t, tooOld, said)
	again(first + 1)
	arrive(p, s, first+remembered+500) // what lies between has not come
	_, was, _ = arrive(p, s, first+remembered+200)
	assert.Equal(t, unseen, was)
	again(first + 501)

	arrive(p, s, 1<<40)
	assert.Len(t, p.pending, 1)
	assert.Empty(t, p.refusals)
	_, known := p.decide(first|sequenceBit, packet.CodeOK, "")
	assert.False(t, known)
	for seq := uint64(1<<40 - remembered + 1); seq < 1<<40; seq++ {
		_, was, _ = arrive(p, s, seq)
		assert.Equal(t, unseen, was, "%d", seq)
	}
	_, _, said = arrive(p, s, 1<<40-remembered)
	assert.Equal(t, tooOld, said)
}

func TestPublisherHoldsNothingOfAStreamThatIsOver(t *testing.T) {
	for name, keep := range map[string]bool{"kept for Receive": true, "dropped": false} {
		t.Run(name, func(t *testing.T) {
			p, s, other := &publisher{}, &Stream{}, &Stream{}
			first, _, _ := arrive(p, s, 1)
			p.hand(first)
			arrive(p, s, 2)
			third, _, _ := arrive(p, other, 3)
			p.leave(s, keep)
			assert.Equal(t, undelivered{}, p.pending[1|sequenceBit])
			assert.Equal(t, undelivered{}, p.pending[2|sequenceBit])
			assert.Equal(t, undelivered{asker: other, waiting: third}, p.pending[3|sequenceBit])
		})
	}
}

func TestMemoryOfAPublisherIsBounded(t *testing.T) {
	p, s := &publisher{}, &Stream{}
	for seq := uint64(1); seq < 10*remembered; seq++ {
		m, _, _ := arrive(p, s, seq)
		p.hand(m)
		if seq%2 == 0 {
			p.decide(seq|sequenceBit, packet.CodeError, strings.Repeat("ü", 1000))
		}
		assert.LessOrEqual(t, len(p.pending)+len(p.refusals), remembered)
	}
	for _, r := range p.refusals {
		assert.LessOrEqual(t, len(r.text), refusalText)
	}
}
