package chaos

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// A Proxy accepts TCP connections on loopback and carries each to a server as
// its script tells it to. All methods may be called at once.
//
// A side that resets its connection has that carried on like its end, in the
// order of the wire. What lies in the buffers of the sockets is not counted yet
// by the script, or is counted as delivered though nobody has read it.
type Proxy struct {
	carrier
	target string
	l      net.Listener

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	serving sync.WaitGroup
}

// NewProxy returns a proxy before the server at target, which must be closed.
// Script is asked for the script of each connection, with how many were accepted
// before; it may be asked from several goroutines at once. Nil is no fault.
func NewProxy(target string, script func(n int) Script) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{carrier: carrier{script: script}, target: target, l: l}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.serving.Add(1)
	go p.accept()
	return p, nil
}

// Addr returns where the proxy is dialled.
func (p *Proxy) Addr() string { return p.l.Addr().String() }

// Dial connects to the proxy.
func (p *Proxy) Dial() (net.Conn, error) { return net.Dial("tcp", p.Addr()) }

// Close ends the proxy and resets its connections. It returns when its
// goroutines have ended.
func (p *Proxy) Close() error {
	err := p.l.Close()
	p.cancel()
	p.serving.Wait()
	return err
}

// accept takes connections until the listener fails.
func (p *Proxy) accept() {
	defer p.serving.Done()
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		p.serving.Add(1)
		go p.serve(c.(*net.TCPConn))
	}
}

// serve carries one connection until both sides have ended, or the proxy has.
func (p *Proxy) serve(client *net.TCPConn) {
	defer p.serving.Done()
	n, script, refused := p.next()
	if refused {
		abort(client)
		return
	}
	dialer := net.Dialer{Timeout: 10 * time.Second}
	c, err := dialer.DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		abort(client)
		return
	}
	server := c.(*net.TCPConn)
	// What the kernel holds is out of the script's reach: little, then.
	client.SetReadBuffer(queueSize)
	client.SetWriteBuffer(queueSize)
	server.SetReadBuffer(queueSize)
	server.SetWriteBuffer(queueSize)

	near, far := p.connect(n, script, Addr(p.target))
	stop := context.AfterFunc(p.ctx, func() {
		for _, c := range []side{near, far, client, server} {
			abort(c)
		}
	})
	defer stop()
	var pumps sync.WaitGroup
	for _, way := range [][2]side{{near, client}, {server, far}, {far, server}, {client, near}} {
		pumps.Add(1)
		go func() {
			defer pumps.Done()
			pump(way[0], way[1])
		}()
	}
	pumps.Wait()
	for _, c := range []side{near, far, client, server} {
		c.Close()
	}
}

// A side is a connection as pump needs it.
type side interface {
	net.Conn
	CloseWrite() error
}

// pump carries what src gives to dst, and its end as it is.
func pump(dst, src side) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				abort(src) // as a kernel answers bytes for which there is nobody
				return
			}
		}
		switch {
		case err == io.EOF:
			dst.CloseWrite()
			return
		case err != nil:
			abort(dst)
			return
		}
	}
}

// abort closes c with a reset.
func abort(c side) {
	switch c := c.(type) {
	case *Conn:
		c.Abort()
	case *net.TCPConn:
		c.SetLinger(0)
		c.Close()
	}
}
