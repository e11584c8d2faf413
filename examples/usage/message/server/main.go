// Command server receives messages and acknowledges each. It prints the
// address it listens on, then what it receives, and runs until it is
// interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/jumboframes/armorigo/log"
	"github.com/jumboframes/armorigo/sigaction"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/server"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:1202", "`address` to listen on; port 0 takes a free one")
	flag.Parse()
	log.SetOutput(os.Stderr) // standard output is for what happens here
	if err := serve(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "message server:", err)
		os.Exit(1)
	}
}

func serve(addr string) error {
	ln, err := server.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println("listening on", ln.Addr())

	closing := sigaction.NewSignal(sigaction.OptionSignalCancel(func() { ln.Close() }))
	go closing.Wait(context.Background())

	for {
		end, err := ln.AcceptEnd()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			if err := receive(end); err != nil {
				fmt.Fprintln(os.Stderr, "message server:", err)
			}
		}()
	}
}

// receive takes messages until the client has closed.
func receive(end geminio.End) error {
	defer end.Close()
	for {
		msg, err := end.Receive(context.Background())
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Printf("received: %s\n", msg.Data())
		if err := msg.Done(); err != nil { // now the client's Publish returns
			return err
		}
	}
}
