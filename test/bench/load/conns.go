package load

import (
	"fmt"
	"net"
	"sync"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"
)

// Ends are both sides of one geminio connection over loopback TCP.
type Ends struct {
	Near, Far geminio.End
}

// Connect returns a geminio connection, with the defaults of both sides.
func Connect() (*Ends, error) {
	all, err := ConnectMany(1)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// ConnectMany returns n geminio connections to one listener, which is closed
// again.
func ConnectMany(n int) (all []*Ends, err error) {
	defer func() {
		if err != nil {
			for _, e := range all {
				e.Close()
			}
		}
	}()
	ln, err := server.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	for range n {
		near, err := client.NewEnd("tcp", ln.Addr().String())
		if err != nil {
			return all, err
		}
		far, err := ln.AcceptEnd()
		if err != nil {
			_ = near.Close()
			return all, err
		}
		all = append(all, &Ends{Near: near, Far: far})
	}
	return all, nil
}

// Close closes both sides.
func (e *Ends) Close() {
	_ = e.Near.Close()
	_ = e.Far.Close()
}

// Conns are both sides of some streams or connections: Far[i] reads what was
// written to Near[i], and the other way round.
type Conns struct {
	Near, Far []net.Conn

	// carrier is closed after them, nil if they have none.
	carrier *Ends
}

// Streams returns n streams of one geminio connection of their own.
func Streams(n int) (*Conns, error) {
	ends, err := Connect()
	if err != nil {
		return nil, err
	}
	c, err := StreamsOf(ends, n)
	if err != nil {
		ends.Close()
		return nil, err
	}
	c.carrier = ends
	return c, nil
}

// StreamsOf returns n streams of a connection, which outlives them.
func StreamsOf(ends *Ends, n int) (*Conns, error) {
	c := &Conns{}
	for range n {
		near, err := ends.Near.OpenStream()
		if err != nil {
			return nil, fmt.Errorf("open stream: %w", err)
		}
		far, err := ends.Far.AcceptStream()
		if err != nil {
			return nil, fmt.Errorf("accept stream: %w", err)
		}
		c.Near = append(c.Near, near)
		c.Far = append(c.Far, far)
	}
	return c, nil
}

// TCP returns n TCP connections.
func TCP(n int) (*Conns, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	c := &Conns{}
	for range n {
		near, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			c.Close()
			return nil, err
		}
		c.Near = append(c.Near, near)
		far, err := ln.Accept()
		if err != nil {
			c.Close()
			return nil, err
		}
		c.Far = append(c.Far, far)
	}
	return c, nil
}

// Close closes all of them, and the connection that carries them.
func (c *Conns) Close() {
	if c.carrier != nil {
		c.carrier.Close()
	}
	for _, nc := range c.Near {
		_ = nc.Close()
	}
	for _, nc := range c.Far {
		_ = nc.Close()
	}
}

// serveAll runs serve for each connection on a goroutine of its own, which
// must end with the connection.
func serveAll(wg *sync.WaitGroup, conns []net.Conn, serve func(net.Conn)) {
	wg.Add(len(conns))
	for _, nc := range conns {
		go func() {
			defer wg.Done()
			serve(nc)
		}()
	}
}
