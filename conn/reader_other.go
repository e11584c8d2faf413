//go:build !unix

package conn

import (
	"net"
	"syscall"
)

// rawConn returns nil: reading goes through net.Conn here.
func rawConn(net.Conn) syscall.RawConn { return nil }

func (r *reader) readRaw(uintptr) bool { panic("conn: no raw reads on this system") }
