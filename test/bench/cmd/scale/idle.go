package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/bench/load"
)

const (
	// warm is how many there are before anything is counted: pools are filled
	// by then.
	warm = 64

	// spare is how many descriptors a process needs beside its connections.
	spare = 64

	greeting = 64 // bytes that each stream carries, both ways
)

// costs are what an idle connection, or stream, costs each side.
type costs struct {
	n              int
	setup          time.Duration
	client, server usage
}

// measureIdle has a client open n connections to a server, or n streams of one
// connection. Each has carried something both ways.
func measureIdle(of string, n int) (c costs, err error) {
	far, err := start(order{Do: "server", Of: of})
	if err != nil {
		return c, err
	}
	defer far.end()
	var addr string
	if err := far.hear(&addr); err != nil {
		return c, err
	}
	near, err := start(order{Do: "client", Of: of, Addr: addr, N: n})
	if err != nil {
		return c, err
	}
	defer near.end()

	both := func() (n, f usage, err error) {
		for _, s := range []struct {
			child *child
			usage *usage
		}{{near, &n}, {far, &f}} {
			if err = s.child.tell(); err != nil {
				return
			}
			if err = s.child.hear(s.usage); err != nil {
				return
			}
		}
		return
	}
	var warmed, took time.Duration
	if err := near.hear(&warmed); err != nil {
		return c, err
	}
	nearBefore, farBefore, err := both()
	if err != nil {
		return c, err
	}
	if err := near.tell(); err != nil {
		return c, err
	}
	if err := near.hear(&took); err != nil {
		return c, err
	}
	nearAfter, farAfter, err := both()
	if err != nil {
		return c, err
	}
	return costs{
		n: n, setup: took / time.Duration(n),
		client: nearAfter.since(nearBefore, n), server: farAfter.since(farBefore, n),
	}, nil
}

// dial is the client: it opens what is warm, and then, when told, the others,
// and says what it uses when told after each. None is closed before the process
// ends: their own goroutine or table keeps them.
func (o *order) dial() error {
	in := bufio.NewReader(os.Stdin)
	open, err := o.opener()
	if err != nil {
		return err
	}
	for _, n := range []int{warm, o.N} {
		begin := time.Now()
		for range n {
			if err := open(); err != nil {
				return err
			}
		}
		if err := say(time.Since(begin)); err != nil {
			return err
		}
		if err := heed(in); err != nil {
			return err
		}
		if err := say(atRest()); err != nil {
			return err
		}
		if err := heed(in); err == io.EOF { // the last time
			break
		} else if err != nil {
			return err
		}
	}
	return nil
}

// opener returns what opens one of them and has it carry something.
func (o *order) opener() (func() error, error) {
	opts := client.NewEndOptions()
	if o.Of == "connections" {
		opts.SetWaitRemoteRPCs("echo") // what load.ServeEcho registers
	}
	dial := func() (geminio.End, error) { return client.NewEnd("tcp", o.Addr, opts) }
	p := make([]byte, greeting)
	if o.Of == "connections" {
		return func() error {
			end, err := dial()
			if err != nil {
				return err
			}
			return load.EndCaller(end)(p)
		}, nil
	}
	end, err := dial()
	if err != nil {
		return nil, err
	}
	return func() error {
		s, err := end.OpenStream()
		if err != nil {
			return err
		}
		if _, err := s.Write(p); err != nil {
			return err
		}
		_, err = io.ReadFull(s, p)
		return err
	}, nil
}

// serve is the server: it says its address, serves, and whenever it is told
// says what it uses.
func (o *order) serve() error {
	ln, err := server.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- o.accept(ln) }()
	if err := say(ln.Addr().String()); err != nil {
		return err
	}
	in := bufio.NewReader(os.Stdin)
	for {
		if err := heed(in); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		select {
		case err := <-failed:
			return err
		default:
		}
		if err := say(atRest()); err != nil {
			return err
		}
	}
}

// accept serves what comes, on one goroutine however much it is.
func (o *order) accept(ln server.Listener) error {
	for {
		end, err := ln.AcceptEnd()
		if err != nil {
			return err
		}
		if o.Of == "connections" {
			if err := load.ServeEcho(end); err != nil {
				return err
			}
			continue
		}
		p := make([]byte, greeting)
		for {
			s, err := end.AcceptStream()
			if err != nil {
				return err
			}
			if _, err := io.ReadFull(s, p); err != nil {
				return err
			}
			if _, err := s.Write(p); err != nil {
				return err
			}
		}
	}
}

func printIdle(out io.Writer, ns []int) error {
	const line = "%-12s %6d  %9.1f us   %7s %6s %7s %6.2f   %7s %6s %7s %6.2f   %7s\n"
	fmt.Fprintf(out, "%-12s %6s  %12s   %-29s   %-29s   %s\n", "each, idle", "n", "set-up", "client", "server", "both")
	fmt.Fprintf(out, "%-12s %6s  %12s   %7s %6s %7s %6s   %7s %6s %7s %6s   %s\n", "", "", "",
		"heap", "stack", "RSS", "gorout", "heap", "stack", "RSS", "gorout", "heap+stack")
	for _, of := range []string{"connections", "streams"} {
		for _, n := range ns {
			if of == "connections" {
				n = affordable(out, n)
			}
			c, err := measureIdle(of, n)
			if err != nil {
				return fmt.Errorf("%d %s: %w", n, of, err)
			}
			fmt.Fprintf(out, line, of, c.n, float64(c.setup)/float64(time.Microsecond),
				whole(c.client.Heap), whole(c.client.Stack), whole(c.client.RSS), c.client.Goroutines,
				whole(c.server.Heap), whole(c.server.Stack), whole(c.server.RSS), c.server.Goroutines,
				whole(c.client.Heap+c.client.Stack+c.server.Heap+c.server.Stack))
		}
	}
	fmt.Fprintf(out, "\nBytes, beyond what the first %d cost; RSS where the system tells, pages that were given back not counted.\n", warm)
	return nil
}

// affordable returns n, or what the limit of descriptors leaves of it, and says
// so then.
func affordable(out io.Writer, n int) int {
	most := descriptors() - spare - warm
	if n <= most {
		return n
	}
	fmt.Fprintf(out, "%d connections instead of %d: the limit of descriptors allows no more\n", most, n)
	return most
}

func whole(v float64) string { return fmt.Sprintf("%.0f", v) }
