package chatroom

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy is an address at which servers come and go.
type proxy struct {
	ln net.Listener
	wg sync.WaitGroup

	mu     sync.Mutex // guards what follows
	target string     // empty: nobody is there
	conns  map[net.Conn]struct{}
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{ln: ln, target: target, conns: make(map[net.Conn]struct{})}
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			p.wg.Add(1)
			go p.carry(conn)
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.ln.Addr().String() }

// lead has new connections go to target.
func (p *proxy) lead(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// cut ends all connections, and lets no new ones through.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = ""
	for conn := range p.conns {
		conn.Close()
	}
}

func (p *proxy) carry(conn net.Conn) {
	defer p.wg.Done()
	defer conn.Close()
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	if target == "" {
		return
	}
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer far.Close()
	p.mu.Lock()
	gone := p.target != target
	p.conns[conn], p.conns[far] = struct{}{}, struct{}{}
	p.mu.Unlock()
	if !gone {
		done := make(chan struct{})
		go func() {
			_, _ = io.Copy(far, conn)
			far.Close()
			conn.Close()
			close(done)
		}()
		_, _ = io.Copy(conn, far)
		far.Close()
		conn.Close()
		<-done
	}
	p.mu.Lock()
	delete(p.conns, conn)
	delete(p.conns, far)
	p.mu.Unlock()
}
