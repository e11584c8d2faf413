package store

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, file string) *Store {
	t.Helper()
	s, err := Open(file, func(string, Meta) {})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// add appends messages and waits until they are stored.
func add(t *testing.T, s *Store, topic string, messages ...string) {
	t.Helper()
	var wg sync.WaitGroup
	for _, m := range messages {
		wg.Add(1)
		require.NoError(t, s.Append(context.Background(), topic, []byte(m), false, func(err error) {
			assert.NoError(t, err)
			wg.Done()
		}))
	}
	wg.Wait()
}

// saved saves and waits.
func saved(t *testing.T, s *Store, topic, group string, state func() []byte) {
	t.Helper()
	done := make(chan error, 1)
	s.SaveGroup(topic, group, state, func(err error) { done <- err })
	require.NoError(t, <-done)
}

func TestWhatWasStoredIsThereAfterReopening(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mq.db")
	s := open(t, file)
	add(t, s, "a", "zero", "one", "")
	add(t, s, "b", "other")
	saved(t, s, "a", "g", func() []byte { return []byte("state") })
	saved(t, s, "a", "gone", func() []byte { return []byte("state") })
	saved(t, s, "a", "gone", nil)
	require.NoError(t, s.Close())
	assert.ErrorIs(t, s.Append(context.Background(), "a", nil, false, nil), ErrClosed)

	s = open(t, file)
	topics, err := s.Topics()
	require.NoError(t, err)
	assert.Equal(t, map[string]Topic{
		"a": {Meta: Meta{Next: 3, Bytes: 7}, Groups: map[string][]byte{"g": []byte("state")}},
		"b": {Meta: Meta{Next: 1, Bytes: 5}, Groups: map[string][]byte{}},
	}, topics)
	messages, err := s.Read("a", []uint64{1, 7, 2})
	require.NoError(t, err)
	require.Len(t, messages, 2)
	assert.Equal(t, "one", string(messages[0].Data))
	assert.Equal(t, uint64(2), messages[1].Offset)
	add(t, s, "a", "three")
	messages, err = s.Read("a", []uint64{3})
	require.NoError(t, err)
	require.Len(t, messages, 1)
}

func TestTrimmedMessagesAreGoneAndOffsetsGoOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mq.db")
	s := open(t, file)
	var messages []string
	for i := range 2*maxTrim + 10 {
		messages = append(messages, fmt.Sprintf("%06d", i))
	}
	add(t, s, "a", messages...)
	s.Trim("a", 2*maxTrim+100) // more than there are, and more than one transaction takes
	for {
		topics, err := s.Topics()
		require.NoError(t, err)
		if topics["a"].First == uint64(len(messages)) {
			assert.Zero(t, topics["a"].Bytes)
			break
		}
		saved(t, s, "a", "g", func() []byte { return nil }) // a transaction later
	}
	require.NoError(t, s.Close())
	s = open(t, file)
	add(t, s, "a", "next")
	got, err := s.Read("a", []uint64{0, uint64(len(messages))})
	require.NoError(t, err)
	require.Len(t, got, 1)
	assert.Equal(t, "next", string(got[0].Data))
}

func TestManyMessagesShareASync(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "mq.db"))
	messages := make([]string, 5000)
	add(t, s, "a", messages...)
	assert.Less(t, s.Commits(), uint64(1000))
	t.Logf("%d messages, %d transactions", len(messages), s.Commits())
}

func TestAFullQueueMakesAppendWait(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "mq.db"))
	hold, held := make(chan struct{}), make(chan struct{})
	s.SaveGroup("a", "g", func() []byte { close(held); <-hold; return nil }, nil)
	<-held // the writer is in its transaction
	big := make([]byte, maxPending)
	require.NoError(t, s.Append(context.Background(), "a", big, false, func(error) {}))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.ErrorIs(t, s.Append(ctx, "a", nil, false, nil), context.Canceled)
	close(hold)
	add(t, s, "a", "now")
}

func TestAFileHasOneBroker(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mq.db")
	open(t, file)
	_, err := Open(file, nil)
	assert.ErrorContains(t, err, "another process has it open")
}
