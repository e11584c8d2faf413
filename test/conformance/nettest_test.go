package conformance

import (
	"fmt"
	"net"
	"testing"

	"golang.org/x/net/nettest"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/test/harness"
)

// pipes are the ways to get two connected streams out of a pair of Ends.
var pipes = []struct {
	name string
	make func(c, s geminio.End) (c1, c2 net.Conn, err error)
}{
	{"DefaultStreamFromClient", func(c, s geminio.End) (net.Conn, net.Conn, error) { return c, s, nil }},
	{"DefaultStreamFromServer", func(c, s geminio.End) (net.Conn, net.Conn, error) { return s, c, nil }},
	{"OpenedByClient", func(c, s geminio.End) (net.Conn, net.Conn, error) { return open(c, s) }},
	{"OpenedByServer", func(c, s geminio.End) (net.Conn, net.Conn, error) { return open(s, c) }},
	{"AcceptedFromClient", func(c, s geminio.End) (net.Conn, net.Conn, error) {
		c1, c2, err := open(c, s)
		return c2, c1, err
	}},
	{"AcceptedFromServer", func(c, s geminio.End) (net.Conn, net.Conn, error) {
		c1, c2, err := open(s, c)
		return c2, c1, err
	}},
}

func open(opener, acceptor geminio.End) (opened, accepted net.Conn, err error) {
	if opened, err = opener.OpenStream(); err != nil {
		return nil, nil, err
	}
	if accepted, err = acceptor.Accept(); err != nil {
		return nil, nil, err
	}
	return opened, accepted, nil
}

func TestStreamsAreNetConns(t *testing.T) {
	for _, carrier := range harness.Carriers() {
		t.Run(carrier.Name, func(t *testing.T) {
			t.Parallel()
			for _, pipe := range pipes {
				for i := range *nettestCount {
					t.Run(fmt.Sprintf("%s/%d", pipe.name, i+1), func(t *testing.T) {
						nettest.TestConn(t, makePipe(carrier, pipe.make))
					})
				}
			}
		})
	}
}

// makePipe connects anew each time it is called.
func makePipe(carrier harness.Carrier, pair func(c, s geminio.End) (net.Conn, net.Conn, error)) nettest.MakePipe {
	return func() (c1, c2 net.Conn, stop func(), err error) {
		c, s, err := harness.Connect(carrier, nil, nil)
		if err != nil {
			return nil, nil, nil, err
		}
		stop = func() { harness.CloseBoth(c, s) }
		if c1, c2, err = pair(c, s); err != nil {
			stop()
			return nil, nil, nil, err
		}
		return c1, c2, stop, nil
	}
}
