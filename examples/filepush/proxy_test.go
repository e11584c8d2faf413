package filepush

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy stands between client and server: it cuts their connections, stops
// what goes to the client, and lets another server take the place of one.
type proxy struct {
	ln net.Listener
	wg sync.WaitGroup

	mu      sync.Mutex // guards what follows
	changed *sync.Cond
	target  string
	conns   map[net.Conn]bool
	passed  int // bytes that went to clients
	stop    int // where that stops, -1: nowhere
	every   int // after so many bytes everything is cut, 0: never
	cuts    int // how often that still happens
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{ln: ln, target: target, conns: make(map[net.Conn]bool), stop: -1}
	p.changed = sync.NewCond(&p.mu)
	p.wg.Add(1)
	go func() {
		defer p.wg.Done()
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			p.connect(c)
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		p.passAll()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.ln.Addr().String() }

// connect passes on what goes through c.
func (p *proxy) connect(c net.Conn) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	s, err := net.Dial("tcp", target)
	if err != nil {
		c.Close()
		return
	}
	p.mu.Lock()
	p.conns[c], p.conns[s] = true, true
	p.mu.Unlock()
	p.wg.Add(2)
	go p.pass(c, s, false)
	go p.pass(s, c, true)
}

// pass copies until one of the connections is closed, and closes both.
func (p *proxy) pass(from, to net.Conn, down bool) {
	defer p.wg.Done()
	defer p.forget(from, to)
	buf := make([]byte, 8<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if down && !p.admit(from, n) {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// admit waits until n bytes may go to the client, and tells whether the
// connection is still there then.
func (p *proxy) admit(conn net.Conn, n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stop >= 0 && p.passed >= p.stop && p.conns[conn] {
		p.changed.Wait()
	}
	before := p.passed
	p.passed += n
	if p.cuts > 0 && before/p.every < p.passed/p.every {
		p.cuts--
		p.cutLocked()
	}
	return p.conns[conn]
}

func (p *proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		c.Close()
		delete(p.conns, c)
	}
	p.changed.Broadcast()
}

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutLocked()
}

func (p *proxy) cutLocked() {
	for c := range p.conns {
		c.Close()
		delete(p.conns, c)
	}
	p.changed.Broadcast()
}

// cutEvery cuts all connections so often, each time after so many bytes.
func (p *proxy) cutEvery(bytes, cuts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.every, p.cuts = bytes, cuts
}

// cutsLeft returns how many cuts of cutEvery have not happened.
func (p *proxy) cutsLeft() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// passUpTo lets so many bytes in all, and a few more, go to clients.
func (p *proxy) passUpTo(bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop = bytes
	p.changed.Broadcast()
}

func (p *proxy) passAll() { p.passUpTo(-1) }

// setTarget has connections that come from now on go to another server.
func (p *proxy) setTarget(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = addr
}
