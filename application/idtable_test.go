package application

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAnIDTableIsAMap does the same to a table and to a map, with ids that lie
// close together and ids that lie anywhere.
func TestAnIDTableIsAMap(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, most := range []uint64{12, 3000, 1 << 63} {
		var table idTable[uint64]
		model := map[uint64]*uint64{}
		some := make([]uint64, 0, 3000)
		for step := range 20_000 {
			id := r.Uint64N(most)
			if len(some) > 0 && r.IntN(2) == 0 {
				id = some[r.IntN(len(some))]
			}
			require.Same(t, model[id], table.get(id))
			// It grows for a while, then shrinks.
			if insert := r.IntN(10) < 7; insert != (step/5000%2 == 1) && len(some) < cap(some) {
				if model[id] == nil {
					v := id
					model[id], some = &v, append(some, id)
					table.put(id, &v)
				}
				continue
			}
			require.Same(t, model[id], table.remove(id))
			delete(model, id)
			some = slices.DeleteFunc(some, func(o uint64) bool { return o == id })
			require.Nil(t, table.get(id))
		}
		require.Equal(t, len(model), table.n)
		n := 0
		for v := range table.all {
			require.Same(t, model[*v], v)
			n++
		}
		require.Equal(t, len(model), n)
		for _, id := range some {
			require.NotNil(t, table.remove(id))
		}
		require.Zero(t, table.n)
		require.LessOrEqual(t, len(table.slots), keptSlots)
	}
}

func BenchmarkIDTable(b *testing.B) {
	v := new(int)
	b.Run("table", func(b *testing.B) {
		var table idTable[int]
		for i := range b.N {
			id := uint64(i)
			table.put(id, v)
			if i >= 64 && (table.get(id-64) == nil || table.remove(id-64) == nil) {
				b.Fatal("lost")
			}
		}
	})
	b.Run("map", func(b *testing.B) {
		m := map[uint64]*int{}
		for i := range b.N {
			id := uint64(i)
			m[id] = v
			if i >= 64 {
				if m[id-64] == nil {
					b.Fatal("lost")
				}
				delete(m, id-64)
			}
		}
	})
}
