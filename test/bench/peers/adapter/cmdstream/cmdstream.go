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
	"github.com/cmd-stream/cmd-stream-go/transport"

	"github.com/singchia/geminio/test/bench/peers/peer"
)

// Peer is cmd-stream with its defaults.
func Peer() peer.Peer {
	return peer.Peer{
		Name:   "cmd-stream",
		Module: "github.com/cmd-stream/cmd-stream-go",
		Call:   connect,
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

type caller struct {
	client *ccln.Client[receiver]
	server *csrv.Server
	served chan struct{} // closed when the server has ended
}

func connect() (peer.Caller, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server, err := cmdstream.NewServer(receiver{}, serverCodec{})
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	c := &caller{server: server, served: make(chan struct{})}
	go func() {
		defer close(c.served)
		_ = server.Serve(ln.(*net.TCPListener)) // until Close
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err == nil {
		c.client, err = cmdstream.NewClient(clientCodec{}, conn)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return c, nil
}

func (c *caller) Call(payload []byte) ([]byte, error) {
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

func (c *caller) Close() error {
	err := c.client.Close()
	<-c.client.Done()
	err = errors.Join(err, c.server.Close())
	<-c.served
	return err
}
