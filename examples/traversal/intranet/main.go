// Command intranet is the side of a reverse tunnel that is behind the NAT: an
// agent that dials the internet command, offers services that it can reach, and
// carries what users send there to them.
//
//	intranet -server example.com:7000 -name office -token-file token \
//	    -tcp ssh,to=127.0.0.1:22,port=2222,allow=192.0.2.0/24 -http web,to=127.0.0.1:8000
package main

import (
	"context"
	"flag"
	"strings"

	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/examples/traversal/internal/offer"
)

// config is what the flags say.
type config struct {
	server, name string
	token        program.Token
	tls          program.ClientTLS
	services     services
	wait         bool
}

func main() {
	var c config
	program.Main(program.Command{
		Name: "intranet",
		About: "The side of a reverse tunnel that is behind the NAT: it dials the internet command\n" +
			"and offers services that it can reach. It prints where users reach them.",
		Flags: c.define,
		Run:   func(ctx context.Context, _ []string) error { return run(ctx, &c) },
	})
}

func (c *config) define(flags *flag.FlagSet) {
	const syntax = "`service`: name,to=host:port[,port=P][,allow=CIDR]...; may be given many times. "
	flags.StringVar(&c.server, "server", "127.0.0.1:7000", "`address` of the internet command")
	flags.StringVar(&c.name, "name", "", "`name` of this agent")
	flags.Func("tcp", "a TCP "+syntax+"port is the public one, any if not given; users must be in one of the CIDRs, if there are any", c.services.flag(offer.TCP))
	flags.Func("http", "an HTTP "+strings.Replace(syntax, "[,port=P]", "", 1)+"All HTTP services share one port, and have host names", c.services.flag(offer.HTTP))
	flags.BoolVar(&c.wait, "wait", false, "go on trying if the first connection fails, whatever the reason")
	c.token.Define(flags, "TRAVERSAL_TOKEN", "that says that this agent is who it says")
	c.tls.DefineMutual(flags)
}

func run(ctx context.Context, c *config) error {
	if c.name == "" {
		return program.Usage("-name is missing")
	}
	if err := offer.CheckName(c.name); err != nil {
		return program.Usage("-name: %w", err)
	}
	if len(c.services) == 0 {
		return program.Usage("no service to offer: -tcp or -http is missing")
	}
	if err := offer.Check(c.services.offered()); err != nil {
		return program.Usage("-tcp, -http: %w", err)
	}
	token, err := c.token.Value()
	if err != nil {
		return err
	}
	dial, err := c.tls.Dialer(ctx, c.server)
	if err != nil {
		return err
	}
	return newAgent(c.name, c.services).run(ctx, dial, token, c.wait)
}
