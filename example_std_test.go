package geminio_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/rpc"
	"strings"
)

// An End is the listener of an http.Server, and dials for an http.Client. Here
// the client of the connection serves, as an agent behind a NAT would.
func ExampleEnd_http() {
	c, s := ends()
	defer c.Close()
	defer s.Close()

	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "this is %s", r.URL.Path)
	})}
	served := make(chan error, 1)
	go func() { served <- web.Serve(c) }()

	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return s.OpenStream()
	}}
	browser := &http.Client{Transport: transport}
	rsp, err := browser.Get("http://agent/status")
	if err != nil {
		fmt.Println(err)
		return
	}
	page, err := io.ReadAll(rsp.Body)
	rsp.Body.Close()
	fmt.Println(string(page), err)

	web.Close() // and with it the End that it listens on
	fmt.Println(<-served)
	// Output:
	// this is /status <nil>
	// http: Server closed
}

// Shouter is a service of net/rpc.
type Shouter struct{}

func (Shouter) Shout(text string, answer *string) error {
	*answer = strings.ToUpper(text)
	return nil
}

// Whatever asks for a net.Conn may have a stream.
func ExampleEnd_netRPC() {
	c, s := ends()
	defer c.Close()
	defer s.Close()

	services := rpc.NewServer()
	if err := services.Register(Shouter{}); err != nil {
		fmt.Println(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if stream, err := s.AcceptStream(); err == nil {
			services.ServeConn(stream)
		}
	}()

	stream, err := c.OpenStream()
	if err != nil {
		fmt.Println(err)
		return
	}
	shouter := rpc.NewClient(stream)
	var answer string
	err = shouter.Call("Shouter.Shout", "hello", &answer)
	fmt.Println(answer, err)
	shouter.Close()
	<-served
	// Output: HELLO <nil>
}
