package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/server"
)

// listen returns a server whose clients may call "greet".
func listen(opts ...*server.EndOptions) server.Listener {
	greet := server.NewEndOptions()
	greet.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "greet",
		RPC: func(_ context.Context, req geminio.Request, rsp geminio.Response) {
			rsp.SetData([]byte("hello, " + string(req.Data())))
		}})
	listener, err := server.Listen("tcp", "127.0.0.1:0", append(opts, greet)...)
	if err != nil {
		panic(err)
	}
	return listener
}

func ExampleNewEnd() {
	listener := listen() // its clients may call "greet"
	defer listener.Close()

	opts := client.NewEndOptions()
	opts.SetMeta([]byte("example"))
	opts.SetWaitRemoteRPCs("greet")
	end, err := client.NewEnd("tcp", listener.Addr().String(), opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end.Close()

	rsp, err := end.Call(context.Background(), "greet", end.NewRequest([]byte("world")))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(rsp.Data()))
	// Output: hello, world
}

// A dialer of one's own limits its time, picks the network, wraps the
// connection in TLS: whatever returns a net.Conn.
func ExampleNewEndWithDialer() {
	listener := listen()
	defer listener.Close()

	dialer := func() (net.Conn, error) {
		return net.DialTimeout("tcp", listener.Addr().String(), 3*time.Second)
	}
	end, err := client.NewEndWithDialer(dialer)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end.Close()
	fmt.Println("connected to the listener:", end.RemoteAddr().String() == listener.Addr().String())
	// Output: connected to the listener: true
}

// Two Ends in one process, without a network: good for tests.
func ExampleNewEndWithConn() {
	near, far := net.Pipe()
	accepted := make(chan geminio.End, 1)
	go func() { // both constructors run at once: they shake hands
		end, err := server.NewEndWithConn(far)
		if err != nil {
			fmt.Println(err)
		}
		accepted <- end
	}()
	c, err := client.NewEndWithConn(near)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	s := <-accepted
	defer s.Close()

	fmt.Fprint(s, "hello")
	word := make([]byte, 5)
	n, err := c.Read(word)
	fmt.Println(string(word[:n]), err)
	// Output: hello <nil>
}

// A RetryEnd waits for its server, so what one asks of it has a deadline.
func ExampleNewRetryEnd() {
	listener := listen()
	defer listener.Close()

	end, err := client.NewRetryEnd("tcp", listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	rsp, err := end.Call(ctx, "greet", end.NewRequest([]byte("world")))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(rsp.Data()))
	// Output: hello, world
}

// The connection is cut in the middle of a stream, and nobody notices.
func ExampleNewRetryEndWithDialer() {
	listener := listen()
	defer listener.Close()

	dialled := make(chan net.Conn, 10)
	end, err := client.NewRetryEndWithDialer(func() (net.Conn, error) {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			dialled <- conn
		}
		return conn, err
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end.Close()
	peer, err := listener.AcceptEnd()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer peer.Close()

	fmt.Fprint(end, "before ")
	(<-dialled).Close() // as a train that enters a tunnel does
	fmt.Fprint(end, "after")

	text := make([]byte, 12)
	for n := 0; n < len(text); {
		m, err := peer.Read(text[n:])
		if err != nil {
			fmt.Println(err)
			return
		}
		n += m
	}
	fmt.Println(string(text))
	// Output: before after
}

// Where the server keeps no sessions, or has been restarted, a RetryEnd gets a
// new one. It makes no call again of which it does not know the outcome.
func ExampleRetryEnd() {
	started := make(chan struct{}, 1)
	opts := server.NewEndOptions()
	opts.SetResumeGrace(0) // no sessions
	opts.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "pay",
		RPC: func(ctx context.Context, _ geminio.Request, _ geminio.Response) {
			started <- struct{}{}
			<-ctx.Done()
		}})
	listener, err := server.Listen("tcp", "127.0.0.1:0", opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()
	go func() {
		first, err := listener.AcceptEnd()
		if err != nil {
			return
		}
		<-started
		first.Close()
	}()

	again := reconnected{online: make(chan struct{})}
	co := client.NewEndOptions()
	co.SetDelegate(again)
	end, err := client.NewRetryEnd("tcp", listener.Addr().String(), co)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end.Close()

	_, err = end.Call(context.Background(), "pay", end.NewRequest([]byte("10")))
	var ended *geminio.CallError
	fmt.Println("may have been paid:", errors.As(err, &ended) && ended.MaybeExecuted)
	<-again.online
	fmt.Println("connected again")
	// Output:
	// may have been paid: true
	// connected again
}

// reconnected is a delegate that is told when there is a new session.
type reconnected struct {
	*delegate.UnimplementedDelegate
	online chan struct{}
}

func (r reconnected) EndReOnline(delegate.ClientDescriber) { close(r.online) }
