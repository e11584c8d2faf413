package load

import (
	"io"
	"net"
	"sync"
)

// OpenClose opens a stream or connection, has one byte go there and back, and
// closes both sides. An operation is all of this.
type OpenClose struct {
	dial  func() (net.Conn, error)
	close func()
}

// Run does it n times, one after another.
func (o *OpenClose) Run(n int) error {
	p := []byte{1}
	return share(n, 1, func(int) error {
		nc, err := o.dial()
		if err != nil {
			return err
		}
		defer nc.Close()
		if _, err := nc.Write(p); err != nil {
			return err
		}
		_, err = io.ReadFull(nc, p)
		return err
	})
}

// Close closes the connection or the listener, and waits for the far side.
func (o *OpenClose) Close() { o.close() }

// NewOpenClose opens streams of one geminio connection.
func NewOpenClose() (*OpenClose, error) {
	ends, err := Connect()
	if err != nil {
		return nil, err
	}
	wait := answerEach(ends.Far)
	return &OpenClose{
		dial:  func() (net.Conn, error) { return ends.Near.OpenStream() },
		close: func() { ends.Close(); wait() },
	}, nil
}

// NewOpenCloseTCP opens TCP connections.
func NewOpenCloseTCP() (*OpenClose, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	wait := answerEach(ln)
	return &OpenClose{
		dial: func() (net.Conn, error) {
			nc, err := net.Dial("tcp", ln.Addr().String())
			if err == nil {
				// Closed with a reset: else the ports that linger run out.
				err = nc.(*net.TCPConn).SetLinger(0)
			}
			return nc, err
		},
		close: func() { _ = ln.Close(); wait() },
	}, nil
}

// answerEach sends the first byte of each connection back and closes it. The
// returned function waits until ln has ended and all are closed.
func answerEach(ln net.Listener) (wait func()) {
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			serveAll(&wg, []net.Conn{nc}, func(nc net.Conn) {
				defer nc.Close()
				p := make([]byte, 1)
				if _, err := io.ReadFull(nc, p); err == nil {
					_, _ = nc.Write(p)
				}
			})
		}
	}()
	return wg.Wait
}
