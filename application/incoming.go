package application

import (
	"github.com/singchia/geminio/packet"
)

// A buffer has room for bufferStep bytes and bufferFactor times what has
// arrived: the length that a peer announces costs next to nothing before its
// bytes come, and no more than four times of them later, the buffer that is
// copied from included. Most contents of up to 256 KiB are copied once.
const (
	bufferStep   = 64 << 10
	bufferFactor = 3
)

// An incoming is an announced content on its way in. The owner of the exchange
// guards it.
type incoming struct {
	announced

	custom int // how much of the content is custom
	buf    []byte
}

// newIncoming returns the content that is announced with head. Where it fits
// no window, memory is what it must ask for room; else it is nil.
func newIncoming(s *Stream, head packet.BodyHead, customLen, dataLen uint32, memory *bodyMemory) *incoming {
	return &incoming{
		announced: announced{stream: s, head: head, size: int(customLen) + int(dataLen), memory: memory},
		custom:    int(customLen),
	}
}

// add takes the next part. It returns an error where the peer broke a rule.
func (b *incoming) add(part []byte, last bool) error {
	if b.memory != nil && !b.memory.told(&b.announced) {
		return errBodyNotAllowed
	}
	n := len(b.buf) + len(part)
	if n > b.size || last != (n == b.size) {
		return errBodyLength
	}
	if n > cap(b.buf) {
		grown := make([]byte, len(b.buf), min(b.size, bufferStep+bufferFactor*n))
		copy(grown, b.buf)
		b.buf = grown
	}
	b.buf = append(b.buf, part...)
	return nil
}

// content returns the content once it is complete.
func (b *incoming) content() (custom, data []byte) { return split(b.buf, b.custom) }

// split cuts a content in two. Appending to one part cannot reach the other.
func split(content []byte, customLen int) (custom, data []byte) {
	if customLen > 0 {
		custom = content[:customLen:customLen]
	}
	if len(content) > customLen {
		data = content[customLen:len(content):len(content)]
	}
	return custom, data
}

// littleContent is the size up to which a content lies in one allocation with
// what it is the content of.
const littleContent = 64

// join copies a content that came in one frame: into room if that is large
// enough.
func join(custom, data, room []byte) (c, d []byte) {
	n := len(custom) + len(data)
	if n == 0 {
		return nil, nil
	}
	content := room
	if n > len(room) {
		content = make([]byte, n)
	}
	copy(content, custom)
	copy(content[len(custom):], data)
	return split(content[:n], len(custom))
}
