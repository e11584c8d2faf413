// Package cmdstream adapts cmd-stream, with a codec that passes bytes through.
package cmdstream

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	cmdstream "github.com/cmd-stream/cmd-stream-go"
	"github.com/cmd-stream/cmd-stream-go/core"
	ccln "github.com/cmd-stream/cmd-stream-go/core/cln"
	csrv "github.com/cmd-stream/cmd-stream-go/core/srv"
	srv "github.com/cmd-stream/cmd-stream-go/server"
	"github.com/cmd-stream/cmd-stream-go/transport"

	"github.com/singchia/geminio/test/bench/peers/adapter/internal/served"
	"github.com/singchia/geminio/test/bench/peers/peer"
)

// Peer is cmd-stream with its defaults.
func Peer() peer.Peer {
	return peer.Peer{
		Name:   "cmd-stream",
		Module: "github.com/cmd-stream/cmd-stream-go",
		Call:   served.Call(serve),
		Conns:  served.Conns(serve),
	}
}

type receiver struct{}

// command asks for its own bytes.
type command []byte

func (c command) Exec(_ context.Context, seq core.Seq, _ time.Time, _ receiver, proxy core.Proxy) error {
	_, err := proxy.Send(seq, result(c))
	return err
}

type result []byte

func (result) LastOne() bool { return true }

type clientCodec struct{}

func (clientCodec) Encode(c core.Cmd[receiver], w transport.Writer) (int, error) {
	return encode(c.(command), w)
}

func (clientCodec) Decode(r transport.Reader) (core.Result, int, error) {
	p, n, err := decode(r)
	return result(p), n, err
}

type serverCodec struct{}

func (serverCodec) Encode(r core.Result, w transport.Writer) (int, error) {
	return encode(r.(result), w)
}

func (serverCodec) Decode(r transport.Reader) (core.Cmd[receiver], int, error) {
	p, n, err := decode(r)
	return command(p), n, err
}

// encode writes a length and p.
func encode(p []byte, w transport.Writer) (int, error) {
	for shift := 24; shift >= 0; shift -= 8 {
		if err := w.WriteByte(byte(len(p) >> shift)); err != nil {
			return 0, err
		}
	}
	n, err := w.Write(p)
	return 4 + n, err
}

func decode(r transport.Reader) ([]byte, int, error) {
	var length [4]byte
	for i := range length {
		b, err := r.ReadByte()
		if err != nil {
			return nil, i, err
		}
		length[i] = b
	}
	p := make([]byte, binary.BigEndian.Uint32(length[:]))
	n, err := io.ReadFull(r, p)
	return p, 4 + n, err
}

type server struct {
	*csrv.Server
	ln   net.Listener
	over chan struct{} // closed when the server has ended
}

// serve starts a server for n connections: it serves as many at once as it has
// workers.
func serve(n int) (served.Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	cs, err := cmdstream.NewServer(receiver{}, serverCodec{}, srv.WithCore(csrv.WithWorkersCount(max(n, csrv.WorkersCount))))
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	s := &server{Server: cs, ln: ln, over: make(chan struct{})}
	go func() {
		defer close(s.over)
		_ = s.Serve(ln.(*net.TCPListener)) // until Close
	}()
	return s, nil
}

// Dial returns when the server has greeted.
func (s *server) Dial() (peer.Caller, error) {
	conn, err := net.Dial("tcp", s.ln.Addr().String())
	if err != nil {
		return nil, err
	}
	c, err := cmdstream.NewClient(clientCodec{}, conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return caller{c}, nil
}

func (s *server) Close() error {
	err := s.Server.Close()
	_ = s.ln.Close() // where Serve has not begun
	<-s.over
	return err
}

type caller struct{ client *ccln.Client[receiver] }

func (c caller) Call(payload []byte) ([]byte, error) {
	answer := make(chan core.AsyncResult, 1)
	if _, _, err := c.client.Send(command(payload), answer); err != nil {
		return nil, err
	}
	a := <-answer
	if a.Error != nil {
		return nil, a.Error
	}
	return a.Result.(result), nil
}

func (c caller) Close() error {
	err := c.client.Close()
	<-c.client.Done()
	return err
}
