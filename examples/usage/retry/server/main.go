// Command server serves the method echo. There is nothing in it about
// connections that are cut: a listener keeps sessions, for 30 s unless
// SetResumeGrace says otherwise. It prints the address it listens on, then what
// it is asked, and runs until it is interrupted.
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
		fmt.Fprintln(os.Stderr, "retry server:", err)
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
		// Register waits for the client, so it must not hold up the next one.
		go func() {
			if err := end.Register(context.Background(), "echo", echo); err != nil {
				fmt.Fprintln(os.Stderr, "retry server: register:", err)
				end.Close()
			}
		}()
	}
}

// echo answers with what it was sent.
func echo(_ context.Context, req geminio.Request, rsp geminio.Response) {
	fmt.Printf("asked: %s\n", req.Data())
	rsp.SetData(req.Data())
}
