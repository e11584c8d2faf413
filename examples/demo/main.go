// Command demo shows what one connection between two processes can carry: a
// file, calls in both directions, acknowledged messages and HTTP. It starts
// itself again as the server, does everything over one TCP connection on
// loopback, checks what arrives, and prints rates and latencies. Then it
// receives the file once more and cuts the connection ten times meanwhile.
//
//	go run ./examples/demo [-file F]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var errInterrupted = errors.New("interrupted")

func main() {
	file := flag.String("file", os.Getenv("FILE"), "the `file` to send; if empty, the go command itself")
	span := flag.Duration("d", 400*time.Millisecond, "how long each rate is measured")
	serve := flag.Bool("serve", false, "be the server: the demo starts itself with this")
	flag.Parse()
	if *span <= 0 {
		fmt.Fprintln(os.Stderr, "demo: -d must be more than 0")
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if *serve {
		err = runServer(ctx, *span)
	} else {
		err = runClient(ctx, *file, *span)
	}
	if ctx.Err() != nil {
		err = errInterrupted
	}
	stop()
	if err == nil {
		return
	}
	// Ctrl-C reaches both processes: one line about it is enough.
	if !*serve || err != errInterrupted {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	os.Exit(1)
}
