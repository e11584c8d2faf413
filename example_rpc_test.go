package geminio_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
)

func ExampleRPCer_Call() {
	ctx := context.Background()
	c, s := ends()
	defer c.Close()
	defer s.Close()

	err := s.Register(ctx, "withdraw", func(_ context.Context, req geminio.Request, rsp geminio.Response) {
		if string(req.Data()) != "10" {
			rsp.SetError(errors.New("not enough money"))
			return
		}
		rsp.SetData([]byte("here you are"))
	})
	if err != nil {
		fmt.Println(err)
	}

	for _, amount := range []string{"10", "1000"} {
		rsp, err := c.Call(ctx, "withdraw", c.NewRequest([]byte(amount)))
		var remote *geminio.RemoteError
		switch {
		case errors.As(err, &remote): // the handler's own words
			fmt.Println("refused:", remote.Text)
		case err != nil: // the connection's
			fmt.Println(err)
		default:
			fmt.Println(string(rsp.Data()))
		}
	}
	// Output:
	// here you are
	// refused: not enough money
}

// Many calls are under way at once, with one goroutine that takes the answers.
func ExampleRPCer_CallAsync() {
	ctx := context.Background()
	c, s := ends()
	defer c.Close()
	defer s.Close()

	err := s.Register(ctx, "length", func(_ context.Context, req geminio.Request, rsp geminio.Response) {
		rsp.SetData([]byte{byte(len(req.Data()))})
	})
	if err != nil {
		fmt.Println(err)
	}

	answers := make(chan *geminio.Call, 3)
	for _, word := range []string{"one", "three", "seventeen"} {
		if _, err := c.CallAsync(ctx, "length", c.NewRequest([]byte(word)), answers); err != nil {
			fmt.Println(err) // then nothing comes to answers
			return
		}
	}
	for range 3 {
		call := <-answers
		if call.Error != nil {
			fmt.Println(call.Error)
			continue
		}
		fmt.Printf("%s has %d\n", call.Request.Data(), call.Response.Data()[0])
	}
	// Unordered output:
	// one has 3
	// three has 5
	// seventeen has 9
}

// A handler's context ends when its caller gives up.
func ExampleRPCer_Register() {
	c, s := ends()
	defer c.Close()
	defer s.Close()

	stopped := make(chan error, 1)
	err := s.Register(context.Background(), "search", func(ctx context.Context, _ geminio.Request, rsp geminio.Response) {
		<-ctx.Done() // here it would look at one book after another
		stopped <- ctx.Err()
		rsp.SetError(ctx.Err())
	})
	if err != nil {
		fmt.Println(err)
	}

	opts := options.Call()
	opts.SetTimeout(20 * time.Millisecond)
	_, err = c.Call(context.Background(), "search", c.NewRequest(nil), opts)
	fmt.Println("caller:", err, errors.Is(err, geminio.ErrTimeout))
	fmt.Println("handler has stopped:", <-stopped != nil)
	// Output:
	// caller: timeout true
	// handler has stopped: true
}

// Hijack serves what nobody registered: a gateway passes requests on by their
// names.
func ExampleRPCer_Hijack() {
	ctx := context.Background()
	c, s := ends()
	defer c.Close()
	defer s.Close()

	opts := options.Hijack()
	opts.SetMatch(true, `^users\.`)
	err := s.Hijack(func(_ context.Context, method string, _ geminio.Request, rsp geminio.Response) {
		rsp.SetData([]byte("passed on: " + method))
	}, opts)
	if err != nil {
		fmt.Println(err)
	}

	for _, method := range []string{"users.list", "orders.list"} {
		rsp, err := c.Call(ctx, method, c.NewRequest(nil))
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(string(rsp.Data()))
	}
	// Output:
	// passed on: users.list
	// no such rpc: orders.list
}

// Whoever makes a call again must know whether it may have been executed.
func ExampleCallError() {
	ctx := context.Background()
	c, s := ends()
	defer c.Close()

	started := make(chan struct{})
	err := s.Register(ctx, "pay", func(ctx context.Context, _ geminio.Request, _ geminio.Response) {
		close(started)
		<-ctx.Done()
	})
	if err != nil {
		fmt.Println(err)
	}
	go func() {
		<-started
		s.Close()
	}()

	_, err = c.Call(ctx, "pay", c.NewRequest([]byte("10")))
	var ended *geminio.CallError
	if errors.As(err, &ended) {
		fmt.Println("may have been paid:", ended.MaybeExecuted)
	}
	// Output: may have been paid: true
}
