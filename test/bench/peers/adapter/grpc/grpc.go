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

	"github.com/singchia/geminio/test/bench/peers/adapter/internal/served"
	"github.com/singchia/geminio/test/bench/peers/peer"
)

// Peer is gRPC with its defaults, but for the number of streams.
func Peer() peer.Peer {
	return peer.Peer{
		Name:   "grpc",
		Module: "google.golang.org/grpc",
		Mux: func() (peer.Mux, error) {
			s, c, err := connect()
			return mux{s, c}, err
		},
		Call: served.Call(func(int) (served.Server, error) { return serve() }),
		Mixed: func() (peer.Mux, peer.Caller, error) {
			s, c, err := connect()
			return mux{s, c}, shared{caller{c}}, err
		},
		Conns: served.Conns(func(int) (served.Server, error) { return serve() }),
	}
}

const (
	echoMethod   = "/bytes/Echo"
	streamMethod = "/bytes/Stream"
)

type server struct {
	*grpc.Server
	target  string
	streams chan *stream  // opened by clients
	closed  chan struct{} // closed by Close
}

func serve() (*server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{
		Server:  grpc.NewServer(grpc.ForceServerCodecV2(bytes{}), grpc.MaxConcurrentStreams(math.MaxUint32)),
		target:  "passthrough:" + ln.Addr().String(),
		streams: make(chan *stream),
		closed:  make(chan struct{}),
	}
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bytes",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Echo", Handler: echo}},
		Streams:     []grpc.StreamDesc{{StreamName: "Stream", Handler: s.stream, ServerStreams: true, ClientStreams: true}},
	}, nil)
	go func() { _ = s.Serve(ln) }() // until Close
	return s, nil
}

func (s *server) dial() (*grpc.ClientConn, error) {
	return grpc.NewClient(s.target,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(bytes{})))
}

func (s *server) Dial() (peer.Caller, error) {
	c, err := s.dial()
	return caller{c}, err
}

func (s *server) Close() error {
	close(s.closed)
	s.Stop()
	return nil
}

func connect() (*server, *grpc.ClientConn, error) {
	s, err := serve()
	if err != nil {
		return nil, nil, err
	}
	c, err := s.dial()
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return s, c, nil
}

func echo(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var p []byte
	if err := decode(&p); err != nil {
		return nil, err
	}
	return &p, nil
}

type caller struct{ *grpc.ClientConn }

func (c caller) Call(payload []byte) (answer []byte, err error) {
	err = c.Invoke(context.Background(), echoMethod, &payload, &answer)
	return answer, err
}

// shared leaves the connection to the mux.
type shared struct{ caller }

func (shared) Close() error { return nil }

type mux struct {
	server *server
	client *grpc.ClientConn
}

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
	case s := <-m.server.streams:
		return s, nil
	case <-m.server.closed:
		return nil, net.ErrClosed
	}
}

func (m mux) Close() error { return errors.Join(m.client.Close(), m.server.Close()) }

// stream is the handler of a stream, which lasts until Close of it.
func (s *server) stream(_ any, st grpc.ServerStream) error {
	over := make(chan struct{})
	far := &stream{s: st, end: func() error { close(over); return nil }}
	select {
	case s.streams <- far:
	case <-s.closed:
		return nil
	}
	select {
	case <-over:
	case <-st.Context().Done():
	}
	return nil
}

// stream makes messages a stream of bytes.
type stream struct {
	s interface {
		SendMsg(any) error
		RecvMsg(any) error
	}
	sent borrowed        // what Write sends, here to be sent by its address
	msg  mem.BufferSlice // received last
	rest mem.Reader      // of msg, not yet read
	end  func() error
	over bool
}

func (s *stream) Read(p []byte) (n int, err error) {
	for s.rest.Remaining() == 0 {
		if err := s.s.RecvMsg(&s.msg); err != nil {
			return 0, err
		}
		s.rest.Reset(s.msg)
		s.msg.Free() // rest holds it, and frees what was read
	}
	return s.rest.Read(p)
}

func (s *stream) Write(p []byte) (int, error) {
	s.sent = p
	if err := s.s.SendMsg(&s.sent); err != nil {
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
