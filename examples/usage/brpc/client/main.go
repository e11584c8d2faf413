// Command client calls the server, and is called by it, over one connection.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:1202", "`address` of the server")
	flag.Parse()
	if err := call(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "brpc client:", err)
		os.Exit(1)
	}
}

func call(addr string) error {
	opts := client.NewEndOptions()
	opts.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "client-echo", RPC: echo})
	opts.SetWaitRemoteRPCs("server-echo")
	end, err := client.NewEnd("tcp", addr, opts)
	if err != nil {
		return err
	}
	defer end.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	rsp, err := end.Call(ctx, "server-echo", end.NewRequest([]byte("hello from the client")))
	if err != nil {
		return err
	}
	fmt.Printf("answered: %s\n", rsp.Data())

	// The server says when it has no more to ask: closing before would cut
	// its call off.
	bye, err := end.Receive(ctx)
	if err != nil {
		return err
	}
	return bye.Done()
}

// echo answers with what it was sent.
func echo(_ context.Context, req geminio.Request, rsp geminio.Response) {
	fmt.Printf("asked: %s\n", req.Data())
	rsp.SetData(req.Data())
}
