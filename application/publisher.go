package application

import (
	"container/list"
	"strings"
	"sync"
	"time"

	"github.com/singchia/geminio/packet"
)

const (
	// sequenceBit marks the id of a message as its place in the sequence of its
	// publisher, apart from the ids that belong to one stream.
	sequenceBit = 1 << 63

	// remembered is how many of the newest sequences of a publisher are kept.
	remembered = 1024

	// refusalText is how much of the text of a refusal is kept.
	refusalText = 256
)

// A fate is what became of one message of a publisher.
type fate uint8

const (
	// unseen: it has not come, or was withdrawn before the application had it.
	unseen fate = iota
	// pending: it waits in an inbox, or the application has it and has not
	// decided.
	pending
	// accepted: the application has called Done.
	accepted
	// declined: it was refused, or its time was over.
	declined
)

// A publisher is what is remembered of one.
type publisher struct {
	id [16]byte

	// Publishers.mu guards
	ends  int           // that are not over
	since time.Time     // when the last of them was
	idle  *list.Element // where it stands while it has none

	mu sync.Mutex
	// mu guards. Sequences are the ids of messages, with their bit.
	newest   uint64
	fates    []fate                 // by sequence modulo remembered; nil before the first
	pending  map[uint64]undelivered // those whose fate is pending
	refusals map[uint64]refusal     // those whose fate is declined
}

// An undelivered message waits for its verdict.
type undelivered struct {
	asker   *Stream          // on which it came last; nil when that is over
	waiting *receivedMessage // where it waits for Receive; nil: the application has it
}

// A refusal is a verdict, as it is repeated.
type refusal struct {
	code packet.Code
	text string
}

// tooOld is said of a sequence whose fate was forgotten.
var tooOld = refusal{packet.CodeRefused, "sequence of the message too old: its outcome is no longer known"}

// admit judges m, which has come on its stream. unseen means that it is to be
// delivered, and is pending from now on; anything else that it came before. The
// stream's mu is held.
func (p *publisher) admit(m *receivedMessage) (fate, refusal) {
	seq := m.receipt.id
	p.mu.Lock()
	defer p.mu.Unlock()
	if seq > p.newest {
		p.advance(seq)
	} else if p.newest-seq >= remembered {
		return declined, tooOld
	}
	was := p.fates[seq%remembered]
	switch was {
	case unseen:
		p.fates[seq%remembered] = pending
		p.pending[seq] = undelivered{asker: m.receipt.stream, waiting: m}
	case pending:
		u := p.pending[seq]
		u.asker = m.receipt.stream
		p.pending[seq] = u
	}
	return was, p.refusals[seq]
}

// advance makes seq the newest, and forgets what is then too old.
func (p *publisher) advance(seq uint64) {
	if p.fates == nil {
		p.fates = make([]fate, remembered)
		p.pending = make(map[uint64]undelivered)
		p.refusals = make(map[uint64]refusal)
		p.newest = seq - 1
	}
	if seq-p.newest >= remembered {
		clear(p.fates)
		clear(p.pending)
		clear(p.refusals)
	}
	for next := p.newest + 1; next <= seq && seq-p.newest < remembered; next++ {
		p.fates[next%remembered] = unseen
		delete(p.pending, next-remembered)
		delete(p.refusals, next-remembered)
	}
	p.newest = seq
}

// waits returns the message seq while it is in an inbox, nil if it is in none.
func (p *publisher) waits(seq uint64) *receivedMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pending[seq].waiting
}

// hand says that the application gets m. The stream's mu is held.
func (p *publisher) hand(m *receivedMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u := p.pending[m.receipt.id]; u.waiting == m {
		u.waiting = nil
		p.pending[m.receipt.id] = u
	}
}

// forget says that m was taken out of its inbox and is not delivered. The
// stream's mu is held.
func (p *publisher) forget(m *receivedMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending[m.receipt.id].waiting == m {
		p.unsee(m.receipt.id)
	}
}

func (p *publisher) unsee(seq uint64) {
	p.fates[seq%remembered] = unseen
	delete(p.pending, seq)
}

// decide notes the verdict on what the application has. asker is where it is
// waited for, nil where no session of the publisher does. known is false where
// it was forgotten that there is such a message.
func (p *publisher) decide(seq uint64, code packet.Code, text string) (asker *Stream, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u, known := p.pending[seq]
	if !known {
		return nil, false
	}
	delete(p.pending, seq)
	p.fates[seq%remembered] = accepted
	if code != packet.CodeOK {
		p.fates[seq%remembered] = declined
		p.refusals[seq] = refusal{code, strings.Clone(packet.Cut(text, refusalText))}
	}
	return u.asker, true
}

// leave says that s is over: nobody waits there any more, and what waits in its
// inbox stays there for Receive if keep is set, else it is not delivered. The
// mu of s is held.
func (p *publisher) leave(s *Stream, keep bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for seq, u := range p.pending {
		waits := u.waiting != nil && u.waiting.receipt.stream == s
		if waits && !keep {
			p.unsee(seq)
			continue
		}
		if waits {
			u.waiting = nil
		}
		if u.asker == s {
			u.asker = nil
		}
		p.pending[seq] = u
	}
}
