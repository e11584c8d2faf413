package store

import (
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"
)

// In the file, the bucket "topics" has a bucket for each topic, with "meta",
// the bucket "log" of offset -> flag byte and data, and the bucket "groups" of
// name -> state.
var (
	topicsKey = []byte("topics")
	metaKey   = []byte("meta")
	logKey    = []byte("log")
	groupsKey = []byte("groups")
)

// maxTrim is how many messages of a topic one transaction deletes: so many
// more than arrive that deleting keeps up, and not so many that producers wait.
const maxTrim = 8192

// pending is what the next transaction writes.
type pending struct {
	appends []appended
	bytes   int // of appends
	saves   map[groupKey]save
	trims   map[string]uint64
}

func (p pending) empty() bool { return len(p.appends)+len(p.saves)+len(p.trims) == 0 }

type appended struct {
	topic  string
	record []byte
	done   func(error)
}

type groupKey struct{ topic, group string }

type save struct {
	state func() []byte
	done  []func(error)
}

// record is a message as it is in the log.
func record(data []byte, again bool) []byte {
	value := make([]byte, 1, 1+len(data))
	if again {
		value[0] = 1
	}
	return append(value, data...)
}

func (m Meta) encode() []byte {
	value := binary.BigEndian.AppendUint64(nil, m.First)
	value = binary.BigEndian.AppendUint64(value, m.Next)
	return binary.BigEndian.AppendUint64(value, uint64(m.Bytes))
}

func parseMeta(value []byte) Meta {
	if len(value) != 24 {
		return Meta{}
	}
	return Meta{
		First: binary.BigEndian.Uint64(value),
		Next:  binary.BigEndian.Uint64(value[8:]),
		Bytes: int64(binary.BigEndian.Uint64(value[16:])),
	}
}

// write makes one transaction after the other, each of everything that waits.
// It ends when the store is closed and nothing waits.
func (s *Store) write() {
	defer close(s.stopped)
	for range s.wake {
		s.mu.Lock()
		p, closed := s.pending, s.closed
		s.pending = pending{}
		close(s.room)
		s.room = make(chan struct{})
		s.mu.Unlock()

		s.commit(p)
		if closed {
			return
		}
	}
}

// commit writes p, and tells everybody who waits for it. Where the disk has no
// room for it, messages are not written, and the rest each for itself: groups
// need little room, and what they have acknowledged makes some.
func (s *Store) commit(p pending) {
	err := s.update(p)
	for _, a := range p.appends {
		a.done(err)
	}
	if err != nil {
		err = s.update(pending{saves: p.saves})
		if s.update(pending{trims: p.trims}) != nil {
			s.trimAgain(p.trims)
		}
	}
	for _, saved := range p.saves {
		for _, done := range saved.done {
			done(err)
		}
	}
}

// update writes p in one transaction, and tells what the topics have then.
func (s *Store) update(p pending) error {
	if p.empty() {
		return nil
	}
	topics := make(map[string]*topicTx)
	err := s.db.Update(func(tx *bbolt.Tx) error { return p.apply(tx, topics) })
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.commits++
	for name, topic := range topics {
		if topic.trimMore > 0 && !s.closed {
			s.trimLocked(name, topic.trimMore)
			s.wakeLocked()
		}
	}
	s.mu.Unlock()
	for name, topic := range topics {
		s.committed(name, topic.meta)
	}
	return nil
}

// trimAgain has the next transaction do what one that failed did not, and
// makes sure that there is a next one.
func (s *Store) trimAgain(trims map[string]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, below := range trims {
		s.trimLocked(name, below)
	}
	time.AfterFunc(retry, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wakeLocked()
	})
}

// topicTx is a topic within a transaction.
type topicTx struct {
	bucket, log, groups *bbolt.Bucket
	meta                Meta
	trimMore            uint64 // what is left to trim, 0 for nothing
}

func openTopic(tx *bbolt.Tx, name string) (*topicTx, error) {
	bucket, err := tx.Bucket(topicsKey).CreateBucketIfNotExists([]byte(name))
	if err != nil {
		return nil, err
	}
	t := &topicTx{bucket: bucket, meta: parseMeta(bucket.Get(metaKey))}
	if t.log, err = bucket.CreateBucketIfNotExists(logKey); err != nil {
		return nil, err
	}
	t.log.FillPercent = 1 // it only grows at its end
	t.groups, err = bucket.CreateBucketIfNotExists(groupsKey)
	return t, err
}

func (p pending) apply(tx *bbolt.Tx, topics map[string]*topicTx) error {
	topic := func(name string) (*topicTx, error) {
		if t := topics[name]; t != nil {
			return t, nil
		}
		t, err := openTopic(tx, name)
		if err == nil {
			topics[name] = t
		}
		return t, err
	}
	for _, a := range p.appends {
		t, err := topic(a.topic)
		if err != nil {
			return err
		}
		if err := t.append(a.record); err != nil {
			return err
		}
	}
	for key, saved := range p.saves {
		t, err := topic(key.topic)
		if err != nil {
			return err
		}
		if saved.state == nil {
			err = t.groups.Delete([]byte(key.group))
		} else {
			err = t.groups.Put([]byte(key.group), saved.state())
		}
		if err != nil {
			return err
		}
	}
	for name, below := range p.trims {
		t, err := topic(name)
		if err != nil {
			return err
		}
		if err := t.trim(below); err != nil {
			return err
		}
	}
	for _, t := range topics {
		if err := t.bucket.Put(metaKey, t.meta.encode()); err != nil {
			return err
		}
	}
	return nil
}

func (t *topicTx) append(record []byte) error {
	key := binary.BigEndian.AppendUint64(nil, t.meta.Next)
	if err := t.log.Put(key, record); err != nil {
		return err
	}
	t.meta.Next++
	t.meta.Bytes += int64(len(record) - 1)
	return nil
}

// trim deletes messages below an offset, at most maxTrim of them.
func (t *topicTx) trim(below uint64) error {
	below = min(below, t.meta.Next)
	end := min(below, t.meta.First+maxTrim)
	for ; t.meta.First < end; t.meta.First++ {
		key := binary.BigEndian.AppendUint64(nil, t.meta.First)
		t.meta.Bytes -= int64(len(t.log.Get(key)) - 1)
		if err := t.log.Delete(key); err != nil {
			return err
		}
	}
	if end < below {
		t.trimMore = below
	}
	return nil
}
