package server_test

import (
	"context"
	"fmt"
	"sync"

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
