package conn

import (
	"fmt"
	"testing"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
)

// sink is a Handler that takes everything and keeps nothing.
type sink struct{}

func (sink) HandleFrame(packet.Header, []byte) error                      { return nil }
func (sink) HandleData(packet.Header, int, []byte, *slab.Slab) error      { return nil }
func (sink) HandleBody(packet.Header, packet.BodyHead, int, []byte) error { return nil }
func (sink) EndBatch()                                                    {}
func (sink) Compose()                                                     {}
func (sink) HandleClose(packet.Code, string)                              {}
func (sink) HandleClosed(error)                                           {}

// turn sends the way of a frame, but for the write: append, compose, written,
// acknowledged.
func turn(c *session, class packet.Class, typ packet.Type, payload []byte) {
	_, _ = c.Append(class, packet.Header{Type: typ, Stream: 3}, payload, nil, nil, nil)
	c.AppendEnd(3)
	c.mu.Lock()
	c.ackDue = true
	c.compose(at(0))
	c.settleBatch()
	_ = c.acknowledged(at(0), c.pos)
	c.mu.Unlock()
}

func BenchmarkAppendAndCompose(b *testing.B) {
	for _, size := range []int{64, 4 * kib, 64 * kib} {
		for _, retain := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/retain=%v", size, retain), func(b *testing.B) {
				c := silent(retain)
				payload := make([]byte, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					turn(c, packet.Bulk, packet.TypeData, payload)
				}
			})
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, size := range []int{1, 64, 4 * kib, 64 * kib} {
		for _, cut := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/cut=%v", size, cut), func(b *testing.B) {
				c := silent(false)
				c.handler = sink{}
				wire := encode(data(3, size))
				at := len(wire)
				if cut {
					at = len(wire) / 2
				}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if c.parse(wire[:at], nil) != nil || c.parse(wire[at:], nil) != nil {
						b.Fatal("it does not parse")
					}
				}
			})
		}
	}
}
