package conformance

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/chaos"
	"github.com/singchia/geminio/test/harness"
)

// TestStreamsAreNetConnsWhileTheirConnectionIsCut is TestStreamsAreNetConns
// with a session whose connection is cut every 50 to 500 ms.
func TestStreamsAreNetConnsWhileTheirConnectionIsCut(t *testing.T) {
	seed := chaos.Seed(t)
	for _, pipe := range pipes {
		for i := range *nettestCount {
			t.Run(fmt.Sprintf("%s/%d", pipe.name, i+1), func(t *testing.T) {
				t.Parallel()
				nettest.TestConn(t, makeCutPipe(seed+uint64(i), pipe.make))
			})
		}
	}
}

// makeCutPipe connects anew each time it is called.
func makeCutPipe(seed uint64, pair func(c, s geminio.End) (net.Conn, net.Conn, error)) nettest.MakePipe {
	return func() (c1, c2 net.Conn, stop func(), err error) {
		l, err := server.Listen("tcp", "127.0.0.1:0", harness.ServerOptions())
		if err != nil {
			return nil, nil, nil, err
		}
		proxy, err := chaos.NewProxy(l.Addr().String(), nil)
		if err != nil {
			l.Close()
			return nil, nil, nil, err
		}
		stop = func() {
			l.Close()
			proxy.Close()
		}
		c, err := client.NewRetryEnd("tcp", proxy.Addr(), harness.ClientOptions())
		if err != nil {
			stop()
			return nil, nil, nil, err
		}
		s, err := l.AcceptEnd()
		if err != nil {
			c.Close()
			stop()
			return nil, nil, nil, err
		}
		cutting, below := cut(proxy, seed), stop
		stop = func() {
			harness.CloseBoth(c, s)
			cutting()
			below()
		}
		if c1, c2, err = pair(c, s); err != nil {
			stop()
			return nil, nil, nil, err
		}
		return c1, c2, stop, nil
	}
}

// cut resets the connections of a proxy every 50 to 500 ms, until the function
// that it returns is called.
func cut(proxy *chaos.Proxy, seed uint64) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		rnd := rand.New(rand.NewPCG(seed, 0))
		for {
			select {
			case <-time.After(50*time.Millisecond + time.Duration(rnd.Int64N(int64(450*time.Millisecond)))):
				proxy.Inject(chaos.Both, chaos.Reset{})
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}
