// Command internet is the public side of a reverse tunnel. Agents (see the
// intranet command) dial in from behind their NATs and offer services; it opens
// a port for each TCP service, serves all HTTP services on one port, by the
// host name that a request is for, and carries what users send to the agent.
//
// An agent that loses its connection and comes back within 30 s goes on with
// it: its users notice a pause.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/examples/traversal/internal/status"
	"github.com/singchia/geminio/server"
)

// config is what the flags say.
type config struct {
	addr, bind, ports    string
	http, domain, status string
	tokens               string
	tls                  program.ServerTLS
}

func main() {
	var c config
	program.Main(program.Command{
		Name: "internet",
		About: "The public side of a reverse tunnel: agents connect to it and offer services, to\n" +
			"which it lets users. It prints where it listens.",
		Flags: c.define,
		Run:   func(ctx context.Context, _ []string) error { return serve(ctx, &c) },
	})
}

func (c *config) define(flags *flag.FlagSet) {
	flags.StringVar(&c.addr, "addr", ":7000", "`address` to listen on for agents; port 0 takes a free one")
	flags.StringVar(&c.bind, "bind", "", "`host` on which the ports of TCP services are opened; empty is all interfaces")
	flags.StringVar(&c.ports, "ports", "", "`range` of the ports that TCP services may have, as 20000-20999; empty is any")
	flags.StringVar(&c.http, "http", "", "`address` on which HTTP services are served; empty is off")
	flags.StringVar(&c.domain, "domain", "localhost", "`domain` of HTTP services: service S of agent A is S.A.domain")
	flags.StringVar(&c.status, "status", "", "`address` on which the status page is served; empty is off")
	flags.StringVar(&c.tokens, "tokens", "", "`file` of lines \"agent token\": who may connect; with -client-ca, whose certificates have the names of agents, both must be right")
	c.tls.DefineMutual(flags)
}

// serve runs until ctx ends.
func serve(ctx context.Context, c *config) error {
	creds, err := loadCredentials(c.tokens, c.tls.ClientCA != "")
	if err != nil {
		return err
	}
	ports, err := parsePorts(c.bind, c.ports)
	if err != nil {
		return err
	}
	ln, err := c.tls.Listen(c.addr)
	if err != nil {
		return err
	}
	defer ln.Close()
	if c.tls.Cert == "" {
		log.Warn("no -cert: tokens and data cross the network unencrypted")
	}
	x := newExchange(creds, ports)
	if c.http != "" {
		x.web = newWeb(c.domain)
		addr, err := program.Serve(ctx, c.http, x.web)
		if err != nil {
			return fmt.Errorf("-http: %w", err)
		}
		x.web.port = portOf(addr)
		fmt.Println("http services on", addr)
	}
	if c.status != "" {
		addr, err := program.Serve(ctx, c.status, status.Handler(x.snapshot))
		if err != nil {
			return fmt.Errorf("-status: %w", err)
		}
		fmt.Printf("status page on http://%s/\n", addr)
	}

	opts := server.NewEndOptions()
	opts.SetDelegate(x)
	ends, err := server.NewListener(ln, opts)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { ends.Close() })
	fmt.Println("agents on", ends.Addr())

	defer x.close()
	for {
		end, err := ends.AcceptEnd()
		if ctx.Err() != nil {
			if err == nil {
				end.Close()
			}
			return nil
		}
		if err != nil {
			return err
		}
		go x.attach(ctx, end)
	}
}

func portOf(addr net.Addr) int { return addr.(*net.TCPAddr).Port }
