// Command server opens two streams to each client and writes a line on each.
// It prints the address it listens on and runs until it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
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
		fmt.Fprintln(os.Stderr, "multiplexer server:", err)
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
			if err := open(end); err != nil {
				fmt.Fprintln(os.Stderr, "multiplexer server:", err)
			}
		}()
	}
}

// open writes on two streams and closes them, and the End, at once: what was
// written before arrives nevertheless.
func open(end geminio.End) error {
	defer end.Close()
	for _, name := range []string{"first", "second"} {
		stream, err := end.OpenStream()
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(stream, "hello from the %s stream\n", name); err != nil {
			return err
		}
		if err := stream.Close(); err != nil {
			return err
		}
	}
	return nil
}
