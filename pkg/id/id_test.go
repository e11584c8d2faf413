package id

import (
	"math"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var modes = []Mode{Even, Odd, Unique, Inc, "another"}

func forModes(t *testing.T, test func(t *testing.T, mode Mode, c *IDCounter)) {
	for _, mode := range modes {
		t.Run(string(mode), func(t *testing.T) { test(t, mode, NewIDCounter(mode)) })
	}
}

func TestTheSecondIsLookedAtAgain(t *testing.T) {
	forModes(t, func(t *testing.T, _ Mode, c *IDCounter) {
		c.counter = newCounter()
		c.counter.second.Store(1)
		for range lookEvery {
			if c.GetID()>>32 != 1 {
				return
			}
		}
		t.Fatal("the second is still the old one")
	})
}

func TestIDsHaveTheSecondInTheUpperHalf(t *testing.T) {
	forModes(t, func(t *testing.T, _ Mode, c *IDCounter) {
		c.counter = newCounter() // that of Inc has looked at the clock before
		before := uint64(time.Now().Unix())
		second := c.GetID() >> 32
		assert.GreaterOrEqual(t, second, before)
		assert.LessOrEqual(t, second, uint64(time.Now().Unix()))
	})
}

func TestIDsAreUniquePositiveAndOfTheRightParityFromManyGoroutines(t *testing.T) {
	const workers, each = 8, 2000
	forModes(t, func(t *testing.T, mode Mode, c *IDCounter) {
		got := make([][]uint64, workers)
		var wg sync.WaitGroup
		for w := range got {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range each {
					got[w] = append(got[w], c.GetID())
				}
			}()
		}
		wg.Wait()
		seen := map[uint64]bool{}
		for _, ids := range got {
			for _, id := range ids {
				require.False(t, seen[id], id)
				seen[id] = true
				require.NotZero(t, id)
				require.LessOrEqual(t, id, uint64(math.MaxInt64))
				if mode == Even || mode == Odd {
					require.Equal(t, mode == Odd, id&1 == 1, id)
				}
			}
		}
	})
}

func TestIDsFitASignedIntegerAtAnyTime(t *testing.T) {
	for _, unix := range []int64{math.MinInt64, -1, 0, 1, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1 << 32, math.MaxInt64} {
		for _, n := range []uint32{0, 1, math.MaxUint32} {
			id := compose(unix, n)
			assert.NotZero(t, id)
			assert.LessOrEqual(t, id, uint64(math.MaxInt64))
			assert.Equal(t, n, uint32(id))
		}
	}
	assert.Equal(t, uint64(0x6b011132d121432d), compose(0x6b011132, 0xd121432d))
}

func TestParityHoldsWhereTheCounterWraps(t *testing.T) {
	for _, mode := range []Mode{Even, Odd} {
		for start := uint32(math.MaxUint32 - 3); start != 3; start++ {
			c := NewIDCounter(mode)
			c.counter.n.Store(start)
			seen := map[uint32]bool{}
			for range 5 {
				id := c.GetID()
				assert.Equal(t, mode == Odd, id&1 == 1)
				assert.False(t, seen[uint32(id)])
				seen[uint32(id)] = true
			}
		}
	}
}

func TestIncCountersShareTheProcess(t *testing.T) {
	a, b := NewIDCounter(Inc), NewIDCounter(Inc)
	seen := map[uint32]bool{}
	for range 1000 {
		for _, c := range []*IDCounter{a, b, DefaultIncIDCounter} {
			n := uint32(c.GetID())
			require.False(t, seen[n], n)
			seen[n] = true
		}
	}
}

func TestAReservedIDIsNotHandedOutUntilItIsDeleted(t *testing.T) {
	c := NewIDCounter(Even)
	// The next ids of every second that the test may run in.
	reserve := func(n uint32) (ids []uint64) {
		now := uint64(time.Now().Unix())
		for second := now - 1; second < now+60; second++ {
			ids = append(ids, second<<32|uint64(n))
		}
		return ids
	}
	c.counter.n.Store(100)
	for _, id := range reserve(102) {
		c.ReserveID(id)
		c.ReserveID(id)
	}
	assert.Equal(t, uint32(104), uint32(c.GetID()))

	for _, id := range reserve(102) {
		c.DelID(id)
		c.DelID(id)
	}
	c.counter.n.Store(100)
	assert.Equal(t, uint32(102), uint32(c.GetID()))
	assert.Zero(t, c.reservations.Load())
}

func TestTheSameMetaGivesTheSameIDUntilItIsDeleted(t *testing.T) {
	forModes(t, func(t *testing.T, mode Mode, c *IDCounter) {
		ids := map[uint64]string{}
		for _, meta := range []string{"", "a", "b"} {
			id, err := c.GetIDByMeta([]byte(meta))
			require.NoError(t, err)
			again, err := c.GetIDByMeta([]byte(meta))
			require.NoError(t, err)
			assert.Equal(t, id, again)
			assert.NotContains(t, ids, id)
			ids[id] = meta
		}
		for id, meta := range ids {
			c.ReserveID(id) // has it already
			again, err := c.GetIDByMeta([]byte(meta))
			require.NoError(t, err)
			assert.Equal(t, id, again)
			c.DelID(id)
			again, err = c.GetIDByMeta([]byte(meta))
			require.NoError(t, err)
			assert.NotEqual(t, id, again)
		}
	})
}

func TestAReservationWithoutAMetaLeavesTheEmptyMetaAlone(t *testing.T) {
	c := NewIDCounter(Unique)
	empty, err := c.GetIDByMeta(nil)
	require.NoError(t, err)
	c.ReserveID(7)
	c.DelID(7)
	again, err := c.GetIDByMeta([]byte{})
	require.NoError(t, err)
	assert.Equal(t, empty, again)
}

func TestCloseEndsReservationsAndLeavesGetID(t *testing.T) {
	c := NewIDCounter(Unique)
	_, err := c.GetIDByMeta([]byte("a"))
	require.NoError(t, err)
	c.Close()
	c.Close()
	_, err = c.GetIDByMeta([]byte("a"))
	assert.ErrorIs(t, err, ErrClosed)
	c.ReserveID(5)
	c.DelID(5)
	assert.Zero(t, c.reservations.Load())
	assert.NotZero(t, c.GetID())
}

func TestAllMethodsMayBeCalledAtOnce(t *testing.T) {
	c := NewIDCounter(Inc)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 200 {
				id, err := c.GetIDByMeta([]byte(strconv.Itoa(i % 10)))
				assert.NoError(t, err)
				c.ReserveID(c.GetID())
				if w == 0 {
					c.DelID(id)
				}
			}
		}()
	}
	wg.Wait()
	c.Close()
}

func TestGetIDDoesNotAllocate(t *testing.T) {
	c := NewIDCounter(Inc)
	c.ReserveID(1)
	assert.Zero(t, testing.AllocsPerRun(100, func() { c.GetID() }))
}

func BenchmarkGetID(b *testing.B) {
	c := NewIDCounter(Inc)
	b.ReportAllocs()
	for range b.N {
		c.GetID()
	}
}
