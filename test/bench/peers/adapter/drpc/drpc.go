// Package drpc adapts storj's drpc, with an encoding that passes bytes through.
// A connection has one call or stream at a time.
package drpc

import (
	"context"
	"io"
	"net"
	"sync"

	"storj.io/drpc"
	"storj.io/drpc/drpcconn"
	"storj.io/drpc/drpcserver"

	"github.com/singchia/geminio/test/bench/peers/adapter/internal/loopback"
	"github.com/singchia/geminio/test/bench/peers/peer"
)

// Peer is drpc with its defaults.
func Peer() peer.Peer {
	return peer.Peer{
		Name:   "drpc",
		Module: "storj.io/drpc",
		Serial: true,
		Mux: func() (peer.Mux, error) {
			c, err := connect()
			return mux{c}, err
		},
		Call: func() (peer.Caller, error) {
			c, err := connect()
			return caller{c}, err
		},
	}
}

// bytes is an encoding that passes bytes through: messages are *[]byte.
type bytes struct{}

func (bytes) Marshal(msg drpc.Message) ([]byte, error) { return *msg.(*[]byte), nil }

func (bytes) Unmarshal(buf []byte, msg drpc.Message) error {
	p := msg.(*[]byte)
	*p = append((*p)[:0], buf...)
	return nil
}

const (
	echoMethod   = "/bytes/Echo"
	streamMethod = "/bytes/Stream"
)

type conn struct {
	client  *drpcconn.Conn
	stop    context.CancelFunc
	streams chan *stream
	serving sync.WaitGroup
	ctx     context.Context // of the server
}

func connect() (*conn, error) {
	near, far, err := loopback.Pair()
	if err != nil {
		return nil, err
	}
	c := &conn{client: drpcconn.New(near), streams: make(chan *stream)}
	c.ctx, c.stop = context.WithCancel(context.Background())
	server := drpcserver.New(c)
	c.serving.Go(func() { _ = server.ServeOne(c.ctx, far) }) // until Close
	return c, nil
}

// HandleRPC implements drpc.Handler.
func (c *conn) HandleRPC(s drpc.Stream, rpc string) error {
	if rpc == echoMethod {
		var p []byte
		if err := s.MsgRecv(&p, bytes{}); err != nil {
			return err
		}
		return s.MsgSend(&p, bytes{})
	}
	over := make(chan struct{})
	select {
	case c.streams <- &stream{s: s, end: sync.OnceFunc(func() { close(over) })}:
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
	select {
	case <-over:
	case <-s.Context().Done():
	}
	return nil
}

func (c *conn) Close() error {
	err := c.client.Close()
	c.stop()
	c.serving.Wait()
	return err
}

type caller struct{ *conn }

// Call implements peer.Caller. The connection has calls wait for each other.
func (c caller) Call(payload []byte) (answer []byte, err error) {
	err = c.client.Invoke(context.Background(), echoMethod, bytes{}, &payload, &answer)
	return answer, err
}

type mux struct{ *conn }

func (m mux) Open() (io.ReadWriteCloser, error) {
	s, err := m.client.NewStream(context.Background(), streamMethod, bytes{})
	if err != nil {
		return nil, err
	}
	return &stream{s: s, end: func() { _ = s.Close() }}, nil
}

func (m mux) Accept() (io.ReadWriteCloser, error) {
	select {
	case s := <-m.streams:
		return s, nil
	case <-m.ctx.Done():
		return nil, net.ErrClosed
	}
}

// stream makes messages a stream of bytes.
type stream struct {
	s    drpc.Stream
	msg  []byte // the message received last, whose memory the next one uses
	rest []byte // of msg, not yet read
	end  func()
}

func (s *stream) Read(p []byte) (n int, err error) {
	for len(s.rest) == 0 {
		if err := s.s.MsgRecv(&s.msg, bytes{}); err != nil {
			return 0, err
		}
		s.rest = s.msg
	}
	n = copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *stream) Write(p []byte) (int, error) {
	if err := s.s.MsgSend(&p, bytes{}); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *stream) Close() error {
	s.end()
	return nil
}
