package options_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/server"
)

// ends returns the client's and the server's End of a connection in memory.
func ends(opts ...*server.EndOptions) (c, s geminio.End) {
	near, far := net.Pipe()
	accepted := make(chan geminio.End, 1)
	go func() {
		s, err := server.NewEndWithConn(far, opts...)
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

// The timeout travels with the call: the handler knows how long it has.
func ExampleCall() {
	c, s := ends()
	defer c.Close()
	defer s.Close()
	err := s.Register(context.Background(), "work", func(ctx context.Context, req geminio.Request, _ geminio.Response) {
		_, limited := ctx.Deadline()
		fmt.Println("handler has a deadline:", limited, req.Timeout() <= time.Minute)
	})
	if err != nil {
		fmt.Println(err)
	}

	opts := options.Call()
	opts.SetTimeout(time.Minute)
	_, err = c.Call(context.Background(), "work", c.NewRequest(nil), opts)
	fmt.Println(err)
	// Output:
	// handler has a deadline: true true
	// <nil>
}

// After a timeout the outcome is unknown: nobody has answered.
func ExamplePublish() {
	c, s := ends()
	defer c.Close()
	defer s.Close()

	opts := options.Publish()
	opts.SetTimeout(20 * time.Millisecond)
	err := c.Publish(context.Background(), c.NewMessage([]byte("is anybody there?")), opts)
	fmt.Println(err, errors.Is(err, geminio.ErrTimeout))
	// Output: timeout true
}

// Everything that travels beside a message's data.
func ExampleNewMessage() {
	ctx := context.Background()
	c, s := ends()
	defer c.Close()
	defer s.Close()

	opts := options.NewMessage()
	opts.SetTopic("weather")
	opts.SetCustom([]byte("text/plain"))
	opts.SetCnss(options.CnssAtMostOnce) // Publish does not wait for Done
	if err := c.Publish(ctx, c.NewMessage([]byte("it is raining"), opts)); err != nil {
		fmt.Println(err)
	}

	msg, err := s.Receive(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s, %s: %s\n", msg.Topic(), msg.Custom(), msg.Data())
	fmt.Println("at most once:", msg.Cnss() == options.CnssAtMostOnce)
	// Output:
	// weather, text/plain: it is raining
	// at most once: true
}

// All but the methods of one kind are hijacked.
func ExampleHijack() {
	ctx := context.Background()
	c, s := ends()
	defer c.Close()
	defer s.Close()

	opts := options.Hijack()
	opts.SetMatch(false, "^admin/")
	err := s.Hijack(func(_ context.Context, method string, _ geminio.Request, _ geminio.Response) {
		fmt.Println("hijacked", method)
	}, opts)
	if err != nil {
		fmt.Println(err)
	}
	for _, method := range []string{"read", "admin/stop"} {
		if _, err := c.Call(ctx, method, c.NewRequest(nil)); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// hijacked read
	// no such rpc: admin/stop
}

// A stream that is opened without waiting for the peer's answer.
func ExampleOpenStream() {
	c, s := ends()
	defer c.Close()
	defer s.Close()

	opts := options.OpenStream()
	opts.SetPeer("logs")
	opts.SetWait(false)
	stream, err := c.OpenStream(opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stream.Close()

	accepted, err := s.AcceptStream()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("accepted", accepted.Peer())
	// Output: accepted logs
}

// A small server: requests of 1 KiB at most, and little memory for each
// client. What is not set is as it was.
func ExampleLimits() {
	limits := options.Limits{
		MaxBody:         1 << 10,
		MaxRunningCalls: 16,
		WindowMemory:    4 << 20,
	}
	opts := server.NewEndOptions()
	opts.SetLimits(limits)
	c, s := ends(opts)
	defer c.Close()
	defer s.Close()

	_, err := c.Call(context.Background(), "store", c.NewRequest(make([]byte, 2<<10)))
	fmt.Println("too large:", errors.Is(err, packet.ErrPacketTooLarge))

	whole, err := limits.WithDefaults()
	fmt.Println(whole.MaxBody, whole.MaxStreams, err)
	// Output:
	// too large: true
	// 1024 16384 <nil>
}
