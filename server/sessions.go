package server

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/pkg/id"
)

const (
	// takeoverTime is how long a newcomer waits for the End that has its id to
	// be over, ConnOffline included.
	takeoverTime = 5 * time.Second

	// What sessions that wait for their clients may cost: their number, the
	// bytes that they keep for them, and the number for one identity.
	maxDetached            = 10_000
	maxDetachedBytes       = 256 << 20
	maxDetachedPerIdentity = 16
)

// Sessions is what Ends of a server know of each other: which client ids are
// taken, which sessions wait for their clients to come back, and what was
// received effectively once. A Listener has Sessions of its own, unless it is
// given others by SetSessions; NewEndWithConn has none unless it is given
// some. Who shares Sessions shares the clients: a session that began through
// one listener goes on through another.
//
// At most 10,000 sessions wait at a time, at most 256 MiB of what they hold for
// their clients when they begin to, and 16 of one identity, which is what
// Authenticate returned or the certificate says; beyond that the one that has
// waited longest is ended. Clients of no such identity count in the first two
// bounds alone.
//
// Sessions live in memory and hold nothing that must be closed. They are made
// by NewSessions. They may be used by any number of listeners and goroutines
// at once.
type Sessions struct {
	// immutable after NewSessions
	instance   [16]byte // names this registry: who knows its sessions
	publishers *application.Publishers

	mu       sync.Mutex           // protects following
	holders  map[uint64]*holder   // by client id: at most one End has one
	sessions map[[16]byte]*holder // by session id: those that outlive their connections
	detached detached
}

// NewSessions returns Sessions that know of none yet.
func NewSessions() *Sessions {
	s := &Sessions{
		publishers: application.NewPublishers(),
		holders:    map[uint64]*holder{},
		sessions:   map[[16]byte]*holder{},
		detached: detached{
			most: maxDetached, mostBytes: maxDetachedBytes, mostPerIdentity: maxDetachedPerIdentity,
			byIdentity: map[identity][]*holder{},
		},
	}
	rand.Read(s.instance[:])
	return s
}

// allocate holds an id of the process's counter.
func (s *Sessions) allocate(who identity) *holder {
	for {
		// A client may have asked for an id that the counter has yet to reach.
		if h, old := s.tryHold(id.DefaultIncIDCounter.GetID(), who); old == nil {
			return h
		}
	}
}

// hold holds clientID for who. An End that has it gives way if it must, and
// hold returns when its ConnOffline has returned; otherwise, and if it is not
// over in time, it keeps the id, and the error is geminio.ErrClientIDInUse: a
// program is never told that the newcomer is online before it was told that the
// other is offline.
func (s *Sessions) hold(ctx context.Context, clientID uint64, who identity) (*holder, error) {
	ctx, cancel := context.WithTimeout(ctx, takeoverTime)
	defer cancel()
	for {
		h, old := s.tryHold(clientID, who)
		if old == nil {
			return h, nil
		}
		if !old.givesWayTo(who) {
			return nil, geminio.ErrClientIDInUse
		}
		// One that is still asking its ConnOnline has nothing to replace yet.
		select {
		case <-old.up:
			old.replace()
		case <-old.gone:
		case <-ctx.Done():
		}
		select {
		case <-old.gone:
		case <-ctx.Done():
			return nil, geminio.ErrClientIDInUse
		}
	}
}

// tryHold returns a new holder of clientID, or the one that is there.
func (s *Sessions) tryHold(clientID uint64, who identity) (h, old *holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.holders[clientID]; old != nil {
		return nil, old
	}
	h = &holder{sessions: s, id: clientID, who: who, up: make(chan struct{}), gone: make(chan struct{})}
	s.holders[clientID] = h
	return h, nil
}

// find returns the holder of a session that outlives its connections, or nil.
// Its client goes by clientID: where an End is only just being made for that,
// the client may have had its answer before the session is known here, and find
// waits for it.
func (s *Sessions) find(ctx context.Context, session [16]byte, clientID uint64) *holder {
	ctx, cancel := context.WithTimeout(ctx, takeoverTime)
	defer cancel()
	s.mu.Lock()
	h := s.sessions[session]
	if h == nil {
		h = s.holders[clientID]
	}
	s.mu.Unlock()
	if h == nil {
		return nil
	}
	select {
	case <-h.up:
	case <-h.gone:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[session]
}
