package chaos_test

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/singchia/geminio/test/chaos"
)

// A connection that is reset in the middle of a word.
func Example() {
	client, server := chaos.Pipe(
		chaos.Step{Fault: chaos.Delay{Base: time.Millisecond}},
		chaos.Step{Direction: chaos.Up, After: 7, Fault: chaos.Reset{}},
	)
	defer client.Close()
	defer server.Close()

	client.Write([]byte("hello, world"))
	got, err := io.ReadAll(server)
	fmt.Printf("%s %v\n", got, errors.Is(err, syscall.ECONNRESET))
	fmt.Println(client.Link().Stats().Cuts, "cut")
	// Output:
	// hello,  true
	// 1 cut
}

// A server that is away for a while: whoever dials is refused, and nobody is
// left connected.
func ExampleListener() {
	var down atomic.Bool
	l := chaos.NewListener(func(int) chaos.Script {
		if down.Load() {
			return chaos.Script{{Fault: chaos.Refuse{}}}
		}
		return nil
	})
	defer l.Close()

	c, _ := l.Dial()
	down.Store(true)
	l.Inject(chaos.Both, chaos.Reset{})
	_, err := c.Read(make([]byte, 1))
	fmt.Println(errors.Is(err, syscall.ECONNRESET))
	_, err = l.Dial()
	fmt.Println(errors.Is(err, syscall.ECONNREFUSED))
	// Output:
	// true
	// true
}
