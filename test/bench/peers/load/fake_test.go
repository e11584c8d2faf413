package load

import (
	"bytes"
	"io"
	"net"
	"sync"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// fake is a peer without a library: streams are pipes, calls and messages are
// answered on the spot.
func fake() peer.Peer {
	return peer.Peer{
		Name:    "fake",
		Mux:     func() (peer.Mux, error) { return newPipes(), nil },
		Call:    func() (peer.Caller, error) { return mirror{}, nil },
		Message: func() (peer.Messenger, error) { return &acker{}, nil },
		Mixed:   func() (peer.Mux, peer.Caller, error) { return newPipes(), mirror{}, nil },
		Extra: map[string]func() (func() error, int, func(), error){
			"Published/nothing": func() (func() error, int, func(), error) {
				return func() error { return nil }, 7, func() {}, nil
			},
		},
	}
}

type pipes struct {
	backlog chan net.Conn
	done    chan struct{}
	once    sync.Once
}

func newPipes() *pipes {
	return &pipes{backlog: make(chan net.Conn, 64), done: make(chan struct{})}
}

func (p *pipes) Open() (io.ReadWriteCloser, error) {
	near, far := net.Pipe()
	select {
	case p.backlog <- far:
		return near, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Accept() (io.ReadWriteCloser, error) {
	select {
	case far := <-p.backlog:
		return far, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

type mirror struct{}

func (mirror) Call(p []byte) ([]byte, error) { return bytes.Clone(p), nil }
func (mirror) Close() error                  { return nil }

// acker acknowledges each message, in the background where it may.
type acker struct{ wg sync.WaitGroup }

func (a *acker) Publish([]byte) error { return nil }

func (a *acker) PublishAsync(_ []byte, done func(error)) error {
	a.wg.Go(func() { done(nil) })
	return nil
}

func (a *acker) Close() error {
	a.wg.Wait()
	return nil
}
