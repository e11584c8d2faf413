package slab

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestASlabIsSharedWhileAnybodyElseHoldsIt(t *testing.T) {
	s := Get()
	require.Len(t, s.Bytes(), Size)
	require.False(t, s.Shared())
	s.Retain()
	require.True(t, s.Shared())
	s.Release()
	require.False(t, s.Shared())
	s.Release()
}

func TestAPinnedSlabIsCountedUntilItsLastHolderLetsGo(t *testing.T) {
	var pinned atomic.Int64
	s := Get()
	s.Retain()
	s.Pin(&pinned)
	require.EqualValues(t, Size, pinned.Load())
	s.Release()
	require.EqualValues(t, Size, pinned.Load())
	s.Release()
	require.Zero(t, pinned.Load())
	for range 100 { // the pool may give any: none is counted any more
		s := Get()
		require.Nil(t, s.pinned)
		require.False(t, s.Shared())
		s.Release()
		require.Zero(t, pinned.Load())
	}
}

func TestALetGoTooManyPanics(t *testing.T) {
	s := Get()
	s.refs.Store(0) // as after the last one; it stays out of the pool
	require.Panics(t, s.Release)
}

// TestTheLastOfManyHoldersGivesTheSlabBack has the one who got it pin it while
// others let go.
func TestTheLastOfManyHoldersGivesTheSlabBack(t *testing.T) {
	var pinned atomic.Int64
	for range 500 {
		s := Get()
		var all sync.WaitGroup
		for range 4 {
			s.Retain()
			all.Add(1)
			go func() {
				defer all.Done()
				s.Release()
			}()
		}
		if s.Shared() {
			s.Pin(&pinned)
		}
		s.Release()
		all.Wait()
		require.Zero(t, pinned.Load())
	}
}

func TestCopyWritesAllAndTellsWhatFailed(t *testing.T) {
	var all bytes.Buffer
	text := strings.Repeat("geminio", 3*Size)
	n, err := Copy(&all, iotest.DataErrReader(strings.NewReader(text)))
	require.NoError(t, err)
	require.EqualValues(t, len(text), n)
	require.Equal(t, text, all.String())

	bad := errors.New("bad")
	n, err = Copy(io.Discard, io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(bad)))
	require.Equal(t, bad, err)
	require.EqualValues(t, 3, n)
	n, err = Copy(iotest.TruncateWriter(failing{bad}, 0), strings.NewReader("abc"))
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	n, err = Copy(failing{bad}, strings.NewReader("abc"))
	require.Equal(t, bad, err)
	require.EqualValues(t, 1, n)
}

// failing takes one byte of a write and fails.
type failing struct{ err error }

func (f failing) Write(p []byte) (int, error) { return min(1, len(p)), f.err }
