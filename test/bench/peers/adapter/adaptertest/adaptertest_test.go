package adaptertest

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// pipes has a net.Pipe for each stream; what is read from it passes through
// spoil.
type pipes struct {
	accepted chan net.Conn
	ended    chan struct{}
	once     *sync.Once
	spoil    func(p []byte)
}

func newPipes(spoil func([]byte)) func() (peer.Mux, error) {
	return func() (peer.Mux, error) {
		return pipes{make(chan net.Conn), make(chan struct{}), new(sync.Once), spoil}, nil
	}
}

func (m pipes) Open() (io.ReadWriteCloser, error) {
	near, far := net.Pipe()
	go func() {
		select {
		case m.accepted <- far:
		case <-m.ended:
			_ = far.Close()
		}
	}()
	return spoiled{near, m.spoil}, nil
}

func (m pipes) Accept() (io.ReadWriteCloser, error) {
	select {
	case far := <-m.accepted:
		return far, nil
	case <-m.ended:
		return nil, io.EOF
	}
}

func (m pipes) Close() error {
	m.once.Do(func() { close(m.ended) })
	return nil
}

type spoiled struct {
	net.Conn
	spoil func([]byte)
}

func (s spoiled) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.spoil(p[:n])
	return n, err
}

type caller func(p []byte) ([]byte, error)

func (c caller) Call(p []byte) ([]byte, error) { return c(p) }
func (c caller) Close() error                  { return nil }

// messenger ends each publication with the outcome it is asked for.
type messenger func() error

func (m messenger) Publish([]byte) error { return m() }
func (m messenger) Close() error         { return nil }
func (m messenger) PublishAsync(_ []byte, done func(error)) error {
	go done(m())
	return nil
}

func keep([]byte)                      {}
func echo(p []byte) ([]byte, error)    { return p, nil }
func flip(p []byte)                    { p[len(p)-1] ^= 1 }
func another(p []byte) ([]byte, error) { return make([]byte, len(p)), nil }

func TestAPeerThatKeepsItsPromisesPasses(t *testing.T) {
	mux := newPipes(keep)
	Test(t, peer.Peer{
		Mux:     mux,
		Call:    func() (peer.Caller, error) { return caller(echo), nil },
		Message: func() (peer.Messenger, error) { return messenger(func() error { return nil }), nil },
		Mixed: func() (peer.Mux, peer.Caller, error) {
			m, err := mux()
			return m, caller(echo), err
		},
	})
}

func TestAPeerThatBreaksAPromiseIsFound(t *testing.T) {
	refused := errors.New("refused")
	for name, test := range map[string]func() error{
		"other bytes in a stream":    func() error { return testStreams(peer.Peer{Mux: newPipes(flip)}) },
		"another byte comes back":    func() error { return testOpenClose(peer.Peer{Mux: newPipes(flip)}) },
		"the answer of another call": func() error { return testCalls(caller(another)) },
		"a message is refused": func() error {
			return testMessages(peer.Peer{Message: func() (peer.Messenger, error) {
				return messenger(func() error { return refused }), nil
			}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			if test() == nil {
				t.Error("passed")
			}
		})
	}
}
