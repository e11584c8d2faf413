// Package store keeps topics and the state of their groups on disk, in one
// bbolt file. What is written while a transaction is being synced goes into the
// next one together: one sync for many messages.
package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// retry is how long after a failure the store tries again what nobody waits
// for.
const retry = time.Second

// maxPending is how many bytes of messages may wait for the next transaction;
// beyond it Append waits.
const maxPending = 4 << 20

// ErrClosed is returned when the store is closed.
var ErrClosed = errors.New("store closed")

// Message is a message of a topic.
type Message struct {
	// Offset is the number of the message in its topic, which counts from 0
	// without a gap.
	Offset uint64
	// Again tells that the producer published the message before and does not
	// know whether it was stored.
	Again bool
	Data  []byte
}

// Meta is what a topic has.
type Meta struct {
	// First and Next are the offsets of the oldest message that is kept, and of
	// the next one.
	First, Next uint64
	// Bytes is how long the messages that are kept are together.
	Bytes int64
}

// Topic is a topic as it was found on disk.
type Topic struct {
	Meta
	// Groups are the states that SaveGroup wrote.
	Groups map[string][]byte
}

// Store is an open file. All methods may be called concurrently.
type Store struct {
	db        *bbolt.DB
	committed func(topic string, meta Meta)
	stopped   chan struct{} // closed when the writer has ended

	mu      sync.Mutex // guards what follows
	pending pending
	wake    chan struct{} // has room for one
	room    chan struct{} // closed when pending was taken
	closed  bool
	commits uint64
}

// Open opens or makes the file. After each transaction that changed a topic,
// committed is called with what the topic has now, before the callbacks of
// what was appended; it must not block. Open fails after a second if another
// process has the file open.
func Open(file string, committed func(topic string, meta Meta)) (*Store, error) {
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{
		Timeout:        time.Second,
		NoFreelistSync: true, // it is found again when the file is opened
		FreelistType:   bbolt.FreelistMapType,
	})
	if errors.Is(err, berrors.ErrTimeout) {
		err = errors.New("another process has it open")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(topicsKey)
		return err
	})
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	s := &Store{
		db:        db,
		committed: committed,
		stopped:   make(chan struct{}),
		wake:      make(chan struct{}, 1),
		room:      make(chan struct{}),
	}
	go s.write()
	return s, nil
}

// Append stores a message as the last one of topic, making the topic if it is
// new, and calls done when it is synced to disk or has failed. Done must not
// block. Append waits while too much waits to be written; on an error, which is
// ErrClosed or that of ctx, done is not called.
func (s *Store) Append(ctx context.Context, topic string, data []byte, again bool, done func(error)) error {
	s.mu.Lock()
	for !s.closed && s.pending.bytes >= maxPending {
		room := s.room
		s.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		}
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.pending.appends = append(s.pending.appends, appended{topic, record(data, again), done})
	s.pending.bytes += len(data) + 64
	s.wakeLocked()
	return nil
}

// SaveGroup writes what state returns when the next transaction is made, and
// calls done, which may be nil, when it is synced or has failed. Neither must
// block; what waits already for the same group is replaced. A nil state
// deletes the group.
func (s *Store) SaveGroup(topic, group string, state func() []byte, done func(error)) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		if done != nil {
			done(ErrClosed)
		}
		return
	}
	defer s.mu.Unlock()
	if s.pending.saves == nil {
		s.pending.saves = make(map[groupKey]save)
	}
	key := groupKey{topic, group}
	saved := s.pending.saves[key]
	saved.state = state
	if done != nil {
		saved.done = append(saved.done, done)
	}
	s.pending.saves[key] = saved
	s.wakeLocked()
}

// Trim deletes the messages of topic below an offset, soon: it is tried again
// until it succeeds.
func (s *Store) Trim(topic string, below uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.trimLocked(topic, below)
	s.wakeLocked()
}

func (s *Store) trimLocked(topic string, below uint64) {
	if s.pending.trims == nil {
		s.pending.trims = make(map[string]uint64)
	}
	s.pending.trims[topic] = max(s.pending.trims[topic], below)
}

func (s *Store) wakeLocked() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Topics returns all topics.
func (s *Store) Topics() (map[string]Topic, error) {
	topics := make(map[string]Topic)
	err := s.db.View(func(tx *bbolt.Tx) error {
		root := tx.Bucket(topicsKey)
		return root.ForEachBucket(func(name []byte) error {
			bucket := root.Bucket(name)
			topic := Topic{Meta: parseMeta(bucket.Get(metaKey)), Groups: make(map[string][]byte)}
			topics[string(name)] = topic
			groups := bucket.Bucket(groupsKey)
			return groups.ForEach(func(group, state []byte) error {
				topic.Groups[string(group)] = append([]byte(nil), state...)
				return nil
			})
		})
	})
	return topics, err
}

// Read returns the messages of topic that have these offsets, without those
// that are not there any more.
func (s *Store) Read(topic string, offsets []uint64) ([]Message, error) {
	messages := make([]Message, 0, len(offsets))
	err := s.db.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(topicsKey).Bucket([]byte(topic))
		if bucket == nil {
			return nil
		}
		log := bucket.Bucket(logKey)
		for _, offset := range offsets {
			if value := log.Get(binary.BigEndian.AppendUint64(nil, offset)); value != nil {
				data := append([]byte(nil), value[1:]...) // value is the transaction's
				messages = append(messages, Message{Offset: offset, Again: value[0] != 0, Data: data})
			}
		}
		return nil
	})
	return messages, err
}

// Commits returns how many transactions were synced.
func (s *Store) Commits() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commits
}

// Close writes what waits, and closes the file.
func (s *Store) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		s.wakeLocked()
	}
	s.mu.Unlock()
	<-s.stopped
	return s.db.Close()
}
