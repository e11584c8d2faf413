// Command server sends back what it reads on each stream. It prints the
// address it listens on, then how much it echoed, and runs until it is
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
		fmt.Fprintln(os.Stderr, "raw server:", err)
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
		go accept(end)
	}
}

// accept takes streams until the client has closed.
func accept(end geminio.End) {
	defer end.Close()
	for {
		stream, err := end.AcceptStream()
		if err != nil {
			return // io.EOF
		}
		go func() {
			if err := echo(stream); err != nil {
				fmt.Fprintln(os.Stderr, "raw server:", err)
			}
		}()
	}
}

// echo copies until the client ends what it sends: io.Copy knows nothing of
// geminio, a stream is a net.Conn.
func echo(stream net.Conn) error {
	defer stream.Close() // what was written arrives nevertheless
	n, err := io.Copy(stream, stream)
	if err != nil {
		return err
	}
	fmt.Printf("echoed %d bytes\n", n)
	return nil
}
