package multiplexer

import (
	"sync"

	"github.com/singchia/geminio/pkg/slab"
)

const (
	// copyBelow is the size of a part below which it is copied instead of
	// keeping the slab it lies in; copyPinned the same while the connection
	// keeps more slabs than what is unread in them justifies.
	copyBelow  = 4 << 10
	copyPinned = 32 << 10

	// pinnedFree is what the slabs kept may amount to beyond twice the unread
	// bytes before more is copied.
	pinnedFree = 1 << 20
)

// A chunk is a run of received bytes: in a slab of which it holds a reference,
// or in a buffer of its own.
type chunk struct {
	next  *chunk
	b     []byte // unread
	s     *slab.Slab
	own   []byte // the whole buffer, nil for a reference
	class int
}

// classes are the sizes of the buffers that small parts are copied into.
var classes = [...]int{512, 4 << 10, 32 << 10}

var (
	references = sync.Pool{New: func() any { return new(chunk) }}
	copies     [len(classes)]sync.Pool
)

// newCopy returns an empty chunk with room for n bytes, and more if backlog
// bytes wait already.
func newCopy(n, backlog int) *chunk {
	class := 0
	for class < len(classes)-1 && (n > classes[class] || backlog >= 2*classes[class]) {
		class++
	}
	c, _ := copies[class].Get().(*chunk)
	if c == nil {
		c = &chunk{own: make([]byte, classes[class]), class: class}
	}
	c.b = c.own[:0]
	return c
}

// spare returns the room behind what is unread in the chunk's own buffer.
func (c *chunk) spare() int {
	if c.own == nil {
		return 0
	}
	return cap(c.b) - len(c.b)
}

// free gives the chunk back.
func (c *chunk) free() {
	c.next, c.b = nil, nil
	if c.own != nil {
		copies[c.class].Put(c)
		return
	}
	c.s.Release()
	c.s = nil
	references.Put(c)
}

// A buffer is what a dialogue has received and nobody has read: a list of
// chunks.
type buffer struct {
	head, tail *chunk
	size       int
}

func (b *buffer) push(c *chunk) {
	if b.tail == nil {
		b.head = c
	} else {
		b.tail.next = c
	}
	b.tail = c
}

// put takes part, by reference to s if copied is not set. It is at most a slab
// long.
func (b *buffer) put(part []byte, s *slab.Slab, copied bool) {
	backlog := b.size
	b.size += len(part)
	if !copied {
		s.Retain()
		c := references.Get().(*chunk)
		c.b, c.s = part, s
		b.push(c)
		return
	}
	for len(part) > 0 {
		if b.tail == nil || b.tail.spare() == 0 {
			b.push(newCopy(len(part), backlog))
		}
		n := min(len(part), b.tail.spare())
		b.tail.b = append(b.tail.b, part[:n]...)
		part = part[n:]
	}
}

// read moves bytes to p and returns how many.
func (b *buffer) read(p []byte) (n int) {
	for b.head != nil && n < len(p) {
		c := b.head
		k := copy(p[n:], c.b)
		n += k
		if c.b = c.b[k:]; len(c.b) == 0 {
			b.pop().free()
		}
	}
	b.size -= n
	return n
}

// pop takes the first chunk out, with size unchanged.
func (b *buffer) pop() *chunk {
	c := b.head
	if b.head = c.next; b.head == nil {
		b.tail = nil
	}
	c.next = nil
	return c
}

// pushFront puts a chunk back that was taken out last.
func (b *buffer) pushFront(c *chunk) {
	c.next = b.head
	if b.head = c; b.tail == nil {
		b.tail = c
	}
}

// clear frees everything and returns how many bytes there were.
func (b *buffer) clear() int {
	n := b.size
	for b.head != nil {
		b.pop().free()
	}
	b.size = 0
	return n
}
