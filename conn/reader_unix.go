//go:build unix

package conn

import (
	"io"
	"net"
	"os"
	"syscall"

	"github.com/singchia/geminio/pkg/slab"
)

// rawConn returns nc's descriptor if nc is a socket itself, not something that
// wraps one and may have a Read of its own; else nil.
func rawConn(nc net.Conn) syscall.RawConn {
	switch nc := nc.(type) {
	case *net.TCPConn:
		raw, err := nc.SyscallConn()
		if err == nil {
			return raw
		}
	case *net.UnixConn:
		raw, err := nc.SyscallConn()
		if err == nil {
			return raw
		}
	}
	return nil
}

// readRaw reads once. It returns false, which waits for the socket, only after
// the socket has said that it is empty: waiting after a mere short read could
// miss the end of the bytes, which gives no second sign. While it waits, no
// slab is held.
func (r *reader) readRaw(fd uintptr) bool {
	if r.s == nil {
		r.s = slab.Get()
	}
	for {
		n, err := syscall.Read(int(fd), r.s.Bytes())
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			r.s.Release()
			r.s = nil
			return false
		case err != nil:
			r.n, r.err = 0, os.NewSyscallError("read", err)
		case n <= 0:
			r.n, r.err = 0, io.EOF
		default:
			r.n, r.err = n, nil
		}
		return true
	}
}
