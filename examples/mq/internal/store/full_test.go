//go:build linux || darwin

package store

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// limitFiles has no file grow beyond so many bytes until the test has ended.
func limitFiles(t *testing.T, n int64) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	now := before
	now.Cur = uint64(n)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &now))
	t.Cleanup(func() {
		assert.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))
		signal.Reset(syscall.SIGXFSZ)
	})
}

func TestWhatMakesRoomIsWrittenThoughTheDiskIsFull(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mq.db")
	s := open(t, file)
	add(t, s, "a", "zero", "one", "two")
	saved(t, s, "a", "g", func() []byte { return []byte("before") })
	info, err := os.Stat(file)
	require.NoError(t, err)
	limitFiles(t, info.Size())

	hold, held := make(chan struct{}), make(chan struct{})
	s.SaveGroup("other", "g", func() []byte { close(held); <-hold; return nil }, nil)
	<-held // what follows shares the next transaction
	appended, acked := make(chan error, 1), make(chan error, 1)
	require.NoError(t, s.Append(context.Background(), "a", make([]byte, 1<<20), false, func(err error) { appended <- err }))
	s.SaveGroup("a", "g", func() []byte { return []byte("after") }, func(err error) { acked <- err })
	s.Trim("a", 2)
	close(hold)
	assert.ErrorContains(t, <-appended, "file too large")
	require.NoError(t, <-acked)
	topics, err := s.Topics()
	require.NoError(t, err)
	want := Topic{Meta: Meta{First: 2, Next: 3, Bytes: 3}, Groups: map[string][]byte{"g": []byte("after")}}
	assert.Equal(t, want, topics["a"])
	add(t, s, "a", "three")
}
