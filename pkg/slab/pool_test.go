package slab

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheCollectionLeavesAFew(t *testing.T) {
	type buffer [64 << 10]byte
	p := Pool[buffer]{Keep: 4}
	were := map[*buffer]bool{}
	for range 10 {
		were[new(buffer)] = true
	}
	for b := range were {
		p.Put(b)
	}
	for range 3 { // one moves the others aside, the next drops them
		runtime.GC()
	}
	again := 0
	for range 10 {
		if were[p.Get()] {
			again++
		}
	}
	require.Equal(t, 4, again)
}

func TestNobodySharesABuffer(t *testing.T) {
	p := Pool[int64]{Keep: 2}
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 2000 {
				v := p.Get()
				if *v != 0 {
					t.Error("somebody else has it")
				}
				*v = 1
				runtime.Gosched()
				*v = 0
				p.Put(v)
			}
		}()
	}
	all.Wait()
}
