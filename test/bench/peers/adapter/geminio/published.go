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

// ahead is how many writes a workload that carries all it counts leaves unread:
// enough to keep both sides busy, and few beside what is counted.
const ahead = 32

type workload = func() (op func() error, bytes int, close func(), err error)

// build makes the operation of a workload on a connection.
type build func(e ends) (op func() error, err error)

// published returns the workloads behind the figures of the original's README:
// in the shape they have there, and with what they are counted as really
// carried.
func published() map[string]workload {
	shape := map[string]build{
		"End":     func(e ends) (func() error, error) { return writes(e.near, e.far), nil },
		"Stream":  streamOp(writes),
		"Message": messageOp(5),
		"RPC":     callOp(256, 4<<10),
	}
	whole := map[string]build{
		"End":     func(e ends) (func() error, error) { return readWrites(e.near, e.far), nil },
		"Stream":  streamOp(readWrites),
		"Message": messageOp(carried),
		"RPC":     callOp(carried, carried),
	}
	all := map[string]workload{}
	for name := range shape {
		all["Published/pipe/"+name+"-shape"] = on(connectByPipe, shape[name])
		all["Published/pipe/"+name+"-carried"] = on(connectByPipe, whole[name])
		all["Published/tcp/"+name+"-carried"] = on(connect, whole[name])
	}
	return all
}

// on is a workload on a connection of its own.
func on(connect func() (ends, error), build build) workload {
	return func() (func() error, int, func(), error) {
		e, err := connect()
		if err != nil {
			return nil, 0, nil, err
		}
		op, err := build(e)
		if err != nil {
			return nil, 0, nil, errors.Join(err, e.Close())
		}
		return op, carried, func() { _ = e.Close() }, nil
	}
}

// connectByPipe returns both sides of a connection over net.Pipe.
func connectByPipe() (ends, error) {
	a, b := net.Pipe()
	type result struct {
		end geminio.End
		err error
	}
	accepted := make(chan result, 1)
	go func() {
		end, err := server.NewEndWithConn(b)
		if err != nil {
			_ = b.Close()
		}
		accepted <- result{end, err}
	}()
	near, err := client.NewEndWithDialer(func() (net.Conn, error) { return a, nil })
	if err != nil {
		_ = a.Close()
		if far := <-accepted; far.err == nil {
			_ = far.end.Close()
		}
		return ends{}, err
	}
	far := <-accepted
	if far.err != nil {
		return ends{}, errors.Join(far.err, near.Close())
	}
	return ends{near, far.end}, nil
}

// streamOp makes the operation on a stream of the connection.
func streamOp(write func(near io.Writer, far io.Reader) func() error) build {
	return func(e ends) (func() error, error) {
		near, err := e.near.OpenStream()
		if err != nil {
			return nil, err
		}
		far, err := e.far.AcceptStream()
		if err != nil {
			return nil, err
		}
		return write(near, far), nil
	}
}

// writes counts each write that was accepted; far is drained until it ends.
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

// readWrites is writes that waits while more than ahead of them are unread: a
// library that queues much is not credited with what is still queued.
func readWrites(near io.Writer, far io.Reader) func() error {
	unread, ended := make(chan struct{}, ahead), make(chan struct{})
	var failed error // set before ended is closed
	go func() {
		defer close(ended)
		p := make([]byte, carried)
		for {
			if _, failed = io.ReadFull(far, p); failed != nil {
				return
			}
			<-unread
		}
	}()
	block := make([]byte, carried)
	return func() error {
		select {
		case unread <- struct{}{}:
		case <-ended:
			return fmt.Errorf("far side: %w", failed)
		}
		_, err := near.Write(block)
		return err
	}
}

func messageOp(size int) build {
	return func(e ends) (func() error, error) {
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
}

func callOp(asked, answered int) build {
	return func(e ends) (func() error, error) {
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
}
