package geminio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
)

// ends returns the client's and the server's End of a connection in memory.
// Over a network they come from client.NewEnd and from AcceptEnd of
// server.Listen, and are used in the same way.
func ends() (c, s geminio.End) {
	near, far := net.Pipe()
	return endsOn(near, far)
}

func endsOn(near, far net.Conn) (c, s geminio.End) {
	accepted := make(chan geminio.End, 1)
	go func() {
		s, err := server.NewEndWithConn(far)
		if err != nil {
			panic(err)
		}
		accepted <- s
	}()
	c, err := client.NewEndWithConn(near)
	if err != nil {
		panic(err)
	}
	return c, <-accepted
}

// Either side may offer methods, and either side may call.
func ExampleEnd() {
	ctx := context.Background()
	c, s := ends()
	defer c.Close()
	defer s.Close()

	hello := func(from string) geminio.RPC {
		return func(_ context.Context, req geminio.Request, rsp geminio.Response) {
			rsp.SetData([]byte(from + " says hello to " + string(req.Data())))
		}
	}
	if err := errors.Join(s.Register(ctx, "hello", hello("server")), c.Register(ctx, "hello", hello("client"))); err != nil {
		fmt.Println(err)
	}

	rsp, err := c.Call(ctx, "hello", c.NewRequest([]byte("client")))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(rsp.Data()))

	rsp, err = s.Call(ctx, "hello", s.NewRequest([]byte("server")))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(rsp.Data()))
	fmt.Println("same client id:", c.ClientID() == s.ClientID())
	// Output:
	// server says hello to client
	// client says hello to server
	// same client id: true
}

// A stream for each file: its name travels as the stream's meta.
func ExampleMultiplexer() {
	c, s := ends()
	defer c.Close()
	defer s.Close()

	sent := make(chan error, 1)
	go func() {
		opts := options.OpenStream()
		opts.SetMeta([]byte("report.txt"))
		stream, err := c.OpenStream(opts)
		if err != nil {
			sent <- err
			return
		}
		_, err = io.Copy(stream, strings.NewReader("all is well\n"))
		sent <- errors.Join(err, stream.Close()) // Close delivers what was written
	}()

	stream, err := s.AcceptStream()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stream.Close()
	content, err := io.ReadAll(stream)
	fmt.Printf("%s: %s", stream.Meta(), content)
	fmt.Println(err, <-sent)
	// Output:
	// report.txt: all is well
	// <nil> <nil>
}

// What a stream knows of itself is the same on both sides, but for its Side.
func ExampleStream() {
	c, s := ends()
	defer c.Close()
	defer s.Close()

	opts := options.OpenStream()
	opts.SetPeer("logs")
	opts.SetMeta([]byte("since=monday"))
	opened, err := s.OpenStream(opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	accepted, err := c.AcceptStream()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, stream := range []geminio.Stream{opened, accepted} {
		fmt.Printf("%s %s opened here: %t\n", stream.Peer(), stream.Meta(), stream.Side() == geminio.InitiatorSide)
	}
	fmt.Println("same stream:", opened.StreamID() == accepted.StreamID())
	// Output:
	// logs since=monday opened here: true
	// logs since=monday opened here: false
	// same stream: true
}

// CloseWrite says "that was all" and leaves the way back open.
func ExampleCloseWriter() {
	c, s := ends()
	defer c.Close()
	defer s.Close()

	go func() {
		stream, err := s.AcceptStream()
		if err != nil {
			return
		}
		defer stream.Close()
		question, _ := io.ReadAll(stream) // ends with CloseWrite
		fmt.Fprint(stream, strings.ToUpper(string(question)))
	}()

	stream, err := c.OpenStream()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stream.Close()
	fmt.Fprint(stream, "that was all")
	if err := stream.(geminio.CloseWriter).CloseWrite(); err != nil {
		fmt.Println(err)
	}
	answer, err := io.ReadAll(stream)
	fmt.Println(string(answer), err)
	// Output: THAT WAS ALL <nil>
}

// A lost connection never looks like an end in order.
func Example_sessionLost() {
	near, far := net.Pipe()
	c, s := endsOn(near, far)
	defer c.Close()
	defer s.Close()

	fmt.Fprint(c, "half of a")
	read := make([]byte, 9)
	if _, err := io.ReadFull(s, read); err != nil {
		fmt.Println(err)
	}
	near.Close() // as a broken cable does

	_, err := s.Read(read)
	fmt.Println(string(read))
	fmt.Println("lost:", errors.Is(err, geminio.ErrSessionLost))
	fmt.Println("an end:", errors.Is(err, io.EOF))
	fmt.Println("too short:", errors.Is(err, io.ErrUnexpectedEOF))
	// Output:
	// half of a
	// lost: true
	// an end: false
	// too short: true
}
