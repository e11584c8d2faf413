// Command server calls its clients, and is called by them. It prints the
// address it listens on, then what it is asked and answered, and runs until it
// is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

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
		fmt.Fprintln(os.Stderr, "brpc server:", err)
		os.Exit(1)
	}
}

func serve(addr string) error {
	opts := server.NewEndOptions()
	opts.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "server-echo", RPC: echo})
	opts.SetWaitRemoteRPCs("client-echo")
	ln, err := server.Listen("tcp", addr, opts)
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
			if err := call(end); err != nil {
				fmt.Fprintln(os.Stderr, "brpc server:", err)
				end.Close()
			}
		}()
	}
}

// call asks the client, and tells it that there is nothing more to ask. The
// client closes.
func call(end geminio.End) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	rsp, err := end.Call(ctx, "client-echo", end.NewRequest([]byte("hello from the server")))
	if err != nil {
		return err
	}
	fmt.Printf("answered: %s\n", rsp.Data())
	return end.Publish(ctx, end.NewMessage([]byte("bye")))
}

// echo answers with what it was sent.
func echo(_ context.Context, req geminio.Request, rsp geminio.Response) {
	fmt.Printf("asked: %s\n", req.Data())
	rsp.SetData(req.Data())
}
