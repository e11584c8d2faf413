package server_test

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"
)

func ExampleListen() {
	listener, err := server.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}

	// Receive the messages of every client until the listener is closed.
	var clients sync.WaitGroup
	clients.Add(1)
	go func() {
		defer clients.Done()
		for {
			end, err := listener.AcceptEnd()
			if err != nil {
				return
			}
			clients.Add(1)
			go func() {
				defer clients.Done()
				defer end.Close()
				for {
					msg, err := end.Receive(context.Background())
					if err != nil {
						return // io.EOF: the client has closed
					}
					fmt.Printf("%s from %s\n", msg.Data(), end.Meta())
					_ = msg.Done()
				}
			}()
		}
	}()

	opts := client.NewEndOptions()
	opts.SetMeta([]byte("sensor"))
	end, err := client.NewEnd("tcp", listener.Addr().String(), opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	// Publish returns when the receiver has called Done.
	if err := end.Publish(context.Background(), end.NewMessage([]byte("21 degrees"))); err != nil {
		fmt.Println(err)
	}
	_ = end.Close()
	_ = listener.Close()
	clients.Wait()
	// Output: 21 degrees from sensor
}

// The server calls its clients, who need no open port for that.
func ExampleListener() {
	so := server.NewEndOptions()
	so.SetWaitRemoteRPCs("temperature") // who does not offer it is not accepted
	listener, err := server.Listen("tcp", "127.0.0.1:0", so)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()

	co := client.NewEndOptions()
	co.SetClientID(7)
	co.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "temperature",
		RPC: func(_ context.Context, _ geminio.Request, rsp geminio.Response) {
			rsp.SetData([]byte("21 degrees"))
		}})
	sensor, err := client.NewEnd("tcp", listener.Addr().String(), co)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sensor.Close()

	end, err := listener.AcceptEnd()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end.Close()
	rsp, err := end.Call(context.Background(), "temperature", end.NewRequest(nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("client %d: %s\n", end.ClientID(), rsp.Data())
	// Output: client 7: 21 degrees
}

// AcceptStreamFunc gets the streams of all clients, each on a goroutine of its
// own. The client's OpenStream waits for it: what takes long is begun in
// another goroutine.
func ExampleEndOptions_SetAcceptStreamFunc() {
	closed := make(chan string, 1)
	opts := server.NewEndOptions()
	opts.SetAcceptStreamFunc(func(stream geminio.Stream) {
		fmt.Println("opened", stream.Peer())
	})
	opts.SetClosedStreamFunc(func(stream geminio.Stream) {
		closed <- stream.Peer()
	})
	listener, err := server.Listen("tcp", "127.0.0.1:0", opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()

	end, err := client.NewEnd("tcp", listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end.Close()
	stream, err := end.OpenStream(named("logs"))
	if err != nil {
		fmt.Println(err)
		return
	}
	stream.Close()
	fmt.Println("closed", <-closed)
	// Output:
	// opened logs
	// closed logs
}

func ExampleNewEndWithConn() {
	// A server that accepts connections itself.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	accepted := make(chan geminio.End, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		end, err := server.NewEndWithConn(conn)
		if err != nil {
			fmt.Println(err)
		}
		accepted <- end
	}()

	c, err := client.NewEnd("tcp", ln.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	s := <-accepted
	defer s.Close()
	fmt.Println("same client id:", s.ClientID() == c.ClientID())
	// Output: same client id: true
}
