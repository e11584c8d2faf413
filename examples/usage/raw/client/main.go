// Command client sends its standard input on a stream, and prints what comes
// back.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:1202", "`address` of the server")
	flag.Parse()
	if err := copyBoth(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "raw client:", err)
		os.Exit(1)
	}
}

func copyBoth(addr string) error {
	end, err := client.NewEnd("tcp", addr)
	if err != nil {
		return err
	}
	defer end.Close()
	stream, err := end.OpenStream()
	if err != nil {
		return err
	}
	defer stream.Close()

	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(stream, os.Stdin)
		if err == nil {
			// Nothing more comes from here, and what comes back is still
			// read: half of the stream is closed, as of a TCP connection.
			err = stream.(geminio.CloseWriter).CloseWrite()
		}
		sent <- err
	}()
	if _, err := io.Copy(os.Stdout, stream); err != nil {
		return err
	}
	return <-sent
}
