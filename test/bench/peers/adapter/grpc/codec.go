package grpc

import "google.golang.org/grpc/mem"

// bytes is a codec that passes bytes through: messages are *[]byte, which must
// not be changed before they are sent, *borrowed, or a *mem.BufferSlice, which the
// receiver frees.
type bytes struct{}

// borrowed is what a Write may not keep.
type borrowed []byte

func (bytes) Marshal(v any) (mem.BufferSlice, error) {
	if p, ok := v.(*borrowed); ok {
		return mem.BufferSlice{mem.Copy(*p, mem.DefaultBufferPool())}, nil
	}
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (bytes) Unmarshal(data mem.BufferSlice, v any) error {
	if p, ok := v.(*mem.BufferSlice); ok {
		data.Ref()
		*p = data
		return nil
	}
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (bytes) Name() string { return "bytes" }
