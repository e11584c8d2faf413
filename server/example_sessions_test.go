package server_test

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"
)

// A server that accepts connections itself keeps sessions where its Ends share
// Sessions. A connection on which a session goes on makes no new End.
func ExampleEndOptions_SetSessions() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()

	opts := server.NewEndOptions()
	opts.SetSessions(server.NewSessions())
	accepted, resumed := make(chan geminio.End, 1), make(chan struct{})
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			end, err := server.NewEndWithConn(conn, opts)
			switch {
			case errors.Is(err, server.ErrSessionResumed):
				close(resumed)
			case err == nil:
				accepted <- end
			}
		}
	}()

	first := make(chan net.Conn, 10)
	c, err := client.NewRetryEndWithDialer(func() (net.Conn, error) {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err == nil {
			first <- conn
		}
		return conn, err
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	s := <-accepted
	defer s.Close()

	(<-first).Close()
	fmt.Fprint(c, "still here")
	text := make([]byte, 10)
	_, err = io.ReadFull(s, text)
	<-resumed
	fmt.Println(string(text), err)
	// Output: still here <nil>
}
