// Package slab holds the buffers that a connection reads into. The layers
// above keep counted references into a slab instead of copying its bytes; the
// last one to let go returns it to the pool.
package slab

import (
	"io"
	"sync/atomic"
)

// Size is the length of every slab in bytes: what one read takes at most.
const Size = 64 << 10

// A Slab is a buffer with a count of those who hold it.
type Slab struct {
	refs   atomic.Int32
	pinned *atomic.Int64 // where it is counted while it is kept, nil: nowhere
	buf    [Size]byte
}

var slabs = Pool[Slab]{Keep: 8}

// Get returns a slab that the caller holds once.
func Get() *Slab {
	s := slabs.Get()
	s.refs.Store(1)
	return s
}

// Bytes returns the whole buffer.
func (s *Slab) Bytes() []byte { return s.buf[:] }

// Retain adds a holder. Only a holder may call it.
func (s *Slab) Retain() { s.refs.Add(1) }

// Shared tells whether anybody but the caller, who must be a holder, holds s.
func (s *Slab) Shared() bool { return s.refs.Load() > 1 }

// Pin counts s in counter, in bytes, until its last holder lets go. Only the one
// who got s may call it, once, before releasing it.
func (s *Slab) Pin(counter *atomic.Int64) {
	counter.Add(Size)
	s.pinned = counter
}

// Release lets go of s, which the caller must not touch afterwards.
func (s *Slab) Release() {
	switch n := s.refs.Add(-1); {
	case n == 0:
		if s.pinned != nil {
			s.pinned.Add(-Size)
			s.pinned = nil
		}
		slabs.Put(s)
	case n < 0:
		panic("slab: released more often than held")
	}
}

// Copy writes to dst, through one slab, what it reads from src, until src ends,
// for which it returns nil, or an error occurs. What was read and could not be
// written is lost.
func Copy(dst io.Writer, src io.Reader) (n int64, err error) {
	s := Get()
	defer s.Release()
	for {
		k, readErr := src.Read(s.Bytes())
		if k > 0 {
			written, err := dst.Write(s.Bytes()[:k])
			n += int64(written)
			if err != nil {
				return n, err
			}
		}
		if readErr == io.EOF {
			return n, nil
		}
		if readErr != nil {
			return n, readErr
		}
	}
}
