package geminio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"
)

// carried is what an operation of the published figures is counted as, whatever
// it carries.
const carried = 128 << 10

type workload = func() (op func() error, bytes int, close func(), err error)

// published returns the workloads behind the figures of the original's README:
// in the shape they have there, and with what they are counted as really
// carried.
func published() map[string]workload {
	all := map[string]workload{}
	for _, c := range []struct {
		carrier string
		connect func() (ends, error)
	}{{"pipe", connectByPipe}, {"tcp", connect}} {
		for name, build := range map[string]func(e ends) (func() error, error){
			"End-carried":     endOp,
			"Stream-carried":  streamOp,
			"Message-carried": func(e ends) (func() error, error) { return messageOp(e, carried) },
			"RPC-carried":     func(e ends) (func() error, error) { return callOp(e, carried, carried) },
			"End-shape":       endOp,
			"Stream-shape":    streamOp,
			"Message-shape":   func(e ends) (func() error, error) { return messageOp(e, 5) },
			"RPC-shape":       func(e ends) (func() error, error) { return callOp(e, 256, 4<<10) },
		} {
			all[fmt.Sprintf("Published/%s/%s", c.carrier, name)] = func() (func() error, int, func(), error) {
				e, err := c.connect()
				if err != nil {
					return nil, 0, nil, err
				}
				op, err := build(e)
				return op, carried, func() { _ = e.Close() }, err
			}
		}
	}
	return all
}

// connectByPipe returns both sides of a connection over net.Pipe.
func connectByPipe() (ends, error) {
	a, b := net.Pipe()
	type result struct {
		end geminio.End
		err error
	}
	far := make(chan result, 1)
	go func() {
		end, err := server.NewEndWithConn(b)
		far <- result{end, err}
	}()
	near, err := client.NewEndWithConn(a)
	if err != nil {
		_ = a.Close()
	}
	r := <-far
	return ends{near: near, far: r.end}, errors.Join(err, r.err)
}

// endOp writes to the default stream.
func endOp(e ends) (func() error, error) { return writes(e.near, e.far), nil }

func streamOp(e ends) (func() error, error) {
	near, err := e.near.OpenStream()
	if err != nil {
		return nil, err
	}
	far, err := e.far.AcceptStream()
	if err != nil {
		return nil, err
	}
	return writes(near, far), nil
}

// writes drains far until it ends.
func writes(near io.Writer, far io.Reader) func() error {
	go func() {
		p := make([]byte, carried)
		for {
			if _, err := far.Read(p); err != nil {
				return
			}
		}
	}()
	block := make([]byte, carried)
	return func() error {
		_, err := near.Write(block)
		return err
	}
}

func messageOp(e ends, size int) (func() error, error) {
	go func() {
		for {
			msg, err := e.far.Receive(context.Background())
			if err != nil || msg.Done() != nil {
				return
			}
		}
	}()
	payload := make([]byte, size)
	return func() error { return e.near.Publish(context.Background(), e.near.NewMessage(payload)) }, nil
}

func callOp(e ends, asked, answered int) (func() error, error) {
	answer := make([]byte, answered)
	err := e.far.Register(context.Background(), method, func(_ context.Context, _ geminio.Request, rsp geminio.Response) {
		rsp.SetData(answer)
	})
	payload := make([]byte, asked)
	return func() error {
		rsp, err := e.near.Call(context.Background(), method, e.near.NewRequest(payload))
		if err == nil && len(rsp.Data()) != answered {
			err = errors.New("short answer")
		}
		return err
	}, err
}
