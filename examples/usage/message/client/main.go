// Command client publishes a message, waits until the server has acknowledged
// it, and closes.
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
	if err := publish(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "message client:", err)
		os.Exit(1)
	}
}

func publish(addr string) error {
	end, err := client.NewEnd("tcp", addr)
	if err != nil {
		return err
	}
	defer end.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := end.Publish(ctx, end.NewMessage([]byte("hello"))); err != nil {
		return err
	}
	fmt.Println("acknowledged: hello")
	return nil
}
