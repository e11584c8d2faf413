// Package grpc adapts gRPC, with a codec that passes bytes through: unary calls,
// and streams of bytes in both directions.
package grpc

import (
	"context"
	"errors"
	"io"
	"math"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// Peer is gRPC with its defaults, but for the number of streams.
func Peer() peer.Peer {
	return peer.Peer{
		Name:   "grpc",
		Module: "google.golang.org/grpc",
		Mux: func() (peer.Mux, error) {
			c, err := connect()
			return mux{c}, err
		},
		Call: func() (peer.Caller, error) {
			c, err := connect()
			return caller{c}, err
		},
		Mixed: func() (peer.Mux, peer.Caller, error) {
			c, err := connect()
			return mux{c}, caller{c}, err
		},
	}
}

const (
	echoMethod   = "/bytes/Echo"
	streamMethod = "/bytes/Stream"
)

// conn is a client connection and the server that it has to itself.
type conn struct {
	client  *grpc.ClientConn
	server  *grpc.Server
	streams chan *stream  // opened by the client
	closed  chan struct{} // closed by Close
}

func connect() (*conn, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &conn{streams: make(chan *stream), closed: make(chan struct{})}
	c.server = grpc.NewServer(grpc.ForceServerCodecV2(bytes{}), grpc.MaxConcurrentStreams(math.MaxUint32))
	c.server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bytes",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Echo", Handler: echo}},
		Streams:     []grpc.StreamDesc{{StreamName: "Stream", Handler: c.serve, ServerStreams: true, ClientStreams: true}},
	}, nil)
	go func() { _ = c.server.Serve(ln) }() // until Close
	c.client, err = grpc.NewClient("passthrough:"+ln.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(bytes{})))
	if err != nil {
		c.server.Stop()
		return nil, err
	}
	return c, nil
}

func (c *conn) Close() error {
	select {
	case <-c.closed: // calls and streams shared it
		return nil
	default:
	}
	close(c.closed)
	err := c.client.Close()
	c.server.Stop()
	return err
}

func echo(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var p []byte
	if err := decode(&p); err != nil {
		return nil, err
	}
	return &p, nil
}

type caller struct{ *conn }

func (c caller) Call(payload []byte) (answer []byte, err error) {
	err = c.client.Invoke(context.Background(), echoMethod, &payload, &answer)
	return answer, err
}

type mux struct{ *conn }

var streamDesc = &grpc.StreamDesc{StreamName: "Stream", ServerStreams: true, ClientStreams: true}

func (m mux) Open() (io.ReadWriteCloser, error) {
	ctx, cancel := context.WithCancel(context.Background())
	s, err := m.client.NewStream(ctx, streamDesc, streamMethod)
	if err != nil {
		cancel()
		return nil, err
	}
	return &stream{s: s, end: func() error {
		err := s.CloseSend()
		cancel()
		return err
	}}, nil
}

func (m mux) Accept() (io.ReadWriteCloser, error) {
	select {
	case s := <-m.streams:
		return s, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

// serve is the handler of a stream, which lasts until Close of it.
func (c *conn) serve(_ any, s grpc.ServerStream) error {
	over := make(chan struct{})
	far := &stream{s: s, end: func() error { close(over); return nil }}
	select {
	case c.streams <- far:
	case <-c.closed:
		return nil
	}
	select {
	case <-over:
	case <-s.Context().Done():
	}
	return nil
}

// stream makes messages a stream of bytes.
type stream struct {
	s interface {
		SendMsg(any) error
		RecvMsg(any) error
	}
	rest *mem.Reader // of the message received last; nil: none
	end  func() error
	over bool
}

func (s *stream) Read(p []byte) (n int, err error) {
	for s.rest == nil || s.rest.Remaining() == 0 {
		var msg mem.BufferSlice
		if err := s.s.RecvMsg(&msg); err != nil {
			return 0, err
		}
		s.rest = msg.Reader() // which frees what was read
		msg.Free()
	}
	return s.rest.Read(p)
}

func (s *stream) Write(p []byte) (int, error) {
	if err := s.s.SendMsg(borrowed(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *stream) Close() error {
	if s.over {
		return errors.New("closed twice")
	}
	s.over = true
	return s.end()
}
