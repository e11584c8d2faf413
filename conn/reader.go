package conn

import (
	"net"
	"sync/atomic"
	"syscall"

	"github.com/singchia/geminio/pkg/slab"
)

// reader reads from the transport into slabs. Where the system allows it, it
// holds a slab only while there is something to read.
type reader struct {
	nc  net.Conn
	raw syscall.RawConn // nil: read with nc.Read

	s       *slab.Slab // held; nil: none
	pending []byte     // given back by unread

	n      int
	err    error
	readFn func(fd uintptr) bool // made once: a new one for each read would be garbage
}

func newReader(nc net.Conn, raw syscall.RawConn) *reader {
	r := &reader{nc: nc, raw: raw}
	r.readFn = r.readRaw
	return r
}

// next returns what one read gave, and the slab it lies in, which it holds
// until the next call. If somebody else holds that one by then, it goes out of
// the reader's hands and is counted in pinned until it is free.
func (r *reader) next(pinned *atomic.Int64) ([]byte, *slab.Slab, error) {
	if len(r.pending) > 0 {
		data := r.pending
		r.pending = nil
		return data, r.s, nil
	}
	if r.s != nil && r.s.Shared() {
		r.s.Pin(pinned)
		r.s.Release()
		r.s = nil
	}
	if r.raw != nil {
		if err := r.raw.Read(r.readFn); err != nil {
			return nil, nil, err
		}
		if r.err != nil {
			return nil, nil, r.err
		}
		return r.s.Bytes()[:r.n], r.s, nil
	}
	if r.s == nil {
		r.s = slab.Get()
	}
	n, err := r.nc.Read(r.s.Bytes())
	return r.s.Bytes()[:n], r.s, err
}

// unread makes the next call of next return data, the end of what the last one
// returned.
func (r *reader) unread(data []byte) { r.pending = data }

// close gives the slab back.
func (r *reader) close() {
	if r.s != nil {
		r.s.Release()
		r.s = nil
	}
}
