// Package loopback makes TCP connections with both ends in this process.
package loopback

import "net"

// Pair returns the two ends of a TCP connection over loopback.
func Pair() (near, far net.Conn, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer ln.Close()
	near, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	far, err = ln.Accept()
	if err != nil {
		near.Close()
		return nil, nil, err
	}
	return near, far, nil
}
