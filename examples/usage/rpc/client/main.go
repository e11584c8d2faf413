// Command client waits until the server has registered the method echo, calls
// it, and prints the answer.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/singchia/geminio/client"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:1202", "`address` of the server")
	flag.Parse()
	if err := call(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "rpc client:", err)
		os.Exit(1)
	}
}

func call(addr string) error {
	opts := client.NewEndOptions()
	opts.SetWaitRemoteRPCs("echo")
	end, err := client.NewEnd("tcp", addr, opts)
	if err != nil {
		return err
	}
	defer end.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	rsp, err := end.Call(ctx, "echo", end.NewRequest([]byte("hello")))
	if err != nil {
		return err
	}
	fmt.Printf("answered: %s\n", rsp.Data())
	return nil
}
