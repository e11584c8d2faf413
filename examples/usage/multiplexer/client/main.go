// Command client prints what the server writes on its streams: it takes the
// End as a net.Listener, and each stream as a net.Conn.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/singchia/geminio/client"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:1202", "`address` of the server")
	flag.Parse()
	end, err := client.NewEnd("tcp", *addr)
	if err == nil {
		err = printAll(end)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "multiplexer client:", err)
		os.Exit(1)
	}
}

// printAll knows nothing of geminio but io.EOF: that the other side has closed
// in order.
func printAll(ln net.Listener) error {
	defer ln.Close()
	for {
		conn, err := ln.Accept()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = io.Copy(os.Stdout, conn)
		conn.Close()
		if err != nil {
			return err
		}
	}
}
