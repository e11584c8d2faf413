package application

import "math/rand/v2"

// An idTable finds what is in progress by its id. It does what a map does, at
// a third of the cost: a call passes two of them. The ids may be chosen by the
// peer, who does not know mult. Its zero value is empty.
//
// It is a hash table with linear probing: whoever is not at home stands behind
// its home without a gap.
type idTable[T any] struct {
	slots []idSlot[T] // a power of two, at most three quarters taken
	n     int
	mult  uint64 // odd, random
	shift uint8  // what of a product is not the home
}

type idSlot[T any] struct {
	id uint64
	v  *T // nil: empty
}

const (
	leastSlots = 4
	keptSlots  = 512 // a table that was larger becomes smaller again
)

func (t *idTable[T]) home(id uint64) int { return int(id * t.mult >> t.shift) }

// get returns what was put in under id, nil if there is nothing.
func (t *idTable[T]) get(id uint64) *T {
	if t.n == 0 {
		return nil
	}
	return t.slots[t.find(id)].v
}

// find returns where id is, or the empty slot where it would be.
func (t *idTable[T]) find(id uint64) int {
	mask := len(t.slots) - 1
	i := t.home(id)
	for t.slots[i].v != nil && t.slots[i].id != id {
		i = (i + 1) & mask
	}
	return i
}

// put makes v, which is not nil, what get returns for id, under which nothing
// must be in the table.
func (t *idTable[T]) put(id uint64, v *T) {
	if 4*(t.n+1) > 3*len(t.slots) {
		t.resize(max(leastSlots, 2*len(t.slots)))
	}
	t.slots[t.find(id)] = idSlot[T]{id, v}
	t.n++
}

// remove takes out what was put in under id, if anything was, and returns it.
func (t *idTable[T]) remove(id uint64) *T {
	if t.n == 0 {
		return nil
	}
	i := t.find(id)
	v := t.slots[i].v
	if v == nil {
		return nil
	}
	mask := len(t.slots) - 1
	for j := (i + 1) & mask; t.slots[j].v != nil; j = (j + 1) & mask {
		// Whoever would not be found any more across the gap at i moves there.
		if (j-t.home(t.slots[j].id))&mask >= (j-i)&mask {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = idSlot[T]{}
	t.n--
	if len(t.slots) > keptSlots && 16*t.n < len(t.slots) {
		t.resize(len(t.slots) / 2)
	}
	return v
}

// all calls yield for everything in the table, which must not be changed
// meanwhile.
func (t *idTable[T]) all(yield func(*T) bool) {
	for _, s := range t.slots {
		if s.v != nil && !yield(s.v) {
			return
		}
	}
}

func (t *idTable[T]) clear() { *t = idTable[T]{} }

func (t *idTable[T]) resize(n int) {
	old := t.slots
	t.slots, t.mult, t.shift = make([]idSlot[T], n), rand.Uint64()|1, 64
	for ; n > 1; n /= 2 {
		t.shift--
	}
	for _, s := range old {
		if s.v != nil {
			t.slots[t.find(s.id)] = s
		}
	}
}
