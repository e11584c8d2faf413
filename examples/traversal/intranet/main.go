// Command intranet is the side of a reverse tunnel that is behind the NAT: an
// agent that dials the internet command, offers services that it can reach, and
// carries what users send there to them.
//
//	intranet -server example.com:7000 -name office -token-file token \
//	    -tcp ssh,to=127.0.0.1:22,port=2222,allow=192.0.2.0/24 -http web,to=127.0.0.1:8000
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"net"
	"os"
	"strings"
	"time"

	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/examples/traversal/internal/offer"
	"github.com/singchia/geminio/examples/traversal/internal/program"
)

// config is what the flags say.
type config struct {
	server, name, tokenFile string
	services                services
	tls                     bool
	ca, cert, key           string
	wait                    bool
}

// tokenVariable has the token where -token-file does not.
const tokenVariable = "TRAVERSAL_TOKEN"

func main() {
	var c config
	const syntax = "`service`: name,to=host:port[,port=P][,allow=CIDR]...; may be given many times. "
	flag.StringVar(&c.server, "server", "127.0.0.1:7000", "`address` of the internet command")
	flag.StringVar(&c.name, "name", "", "`name` of this agent")
	flag.StringVar(&c.tokenFile, "token-file", "", "`file` that has the token; if empty, the variable "+tokenVariable+" has it")
	flag.Func("tcp", "a TCP "+syntax+"port is the public one, any if not given; users must be in one of the CIDRs, if there are any", c.services.flag(offer.TCP))
	flag.Func("http", "an HTTP "+syntax+"There is no port: all HTTP services share one, and have host names", c.services.flag(offer.HTTP))
	flag.BoolVar(&c.tls, "tls", false, "use TLS")
	flag.StringVar(&c.ca, "ca", "", "PEM `file` of the CA that signed the server's certificate; if empty, those of the system")
	flag.StringVar(&c.cert, "cert", "", "PEM `file` of this agent's certificate")
	flag.StringVar(&c.key, "key", "", "PEM `file` of the certificate's key")
	flag.BoolVar(&c.wait, "wait", false, "go on trying if the first connection fails, whatever the reason")
	program.Main("intranet", func(ctx context.Context) error { return run(ctx, &c) })
}

func run(ctx context.Context, c *config) error {
	if err := offer.CheckName(c.name); err != nil {
		return program.Usage("-name: %v", err)
	}
	if err := offer.Check(c.services.offered()); err != nil {
		return program.Usage("-tcp, -http: %v", err)
	}
	token := os.Getenv(tokenVariable)
	if c.tokenFile != "" {
		data, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return err
		}
		token = strings.TrimSpace(string(data))
	}
	dial, err := c.dialer(ctx)
	if err != nil {
		return err
	}
	return newAgent(c.name, c.services).run(ctx, dial, token, c.wait)
}

// dialer returns what dials the server, over TLS if the flags say so.
func (c *config) dialer(ctx context.Context) (client.Dialer, error) {
	const patience = 10 * time.Second
	certs, err := program.Certificates(c.cert, c.key)
	if err != nil {
		return nil, err
	}
	var d interface {
		DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	} = new(net.Dialer)
	if c.tls {
		conf := &tls.Config{Certificates: certs, MinVersion: tls.VersionTLS13}
		if c.ca != "" {
			if conf.RootCAs, err = program.Pool(c.ca); err != nil {
				return nil, err
			}
		}
		d = &tls.Dialer{Config: conf}
	} else if c.ca != "" || certs != nil {
		return nil, program.Usage("-ca, -cert and -key need -tls")
	}
	return func() (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return d.DialContext(ctx, "tcp", c.server)
	}, nil
}
