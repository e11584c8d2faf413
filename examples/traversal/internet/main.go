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
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio/examples/traversal/internal/program"
	"github.com/singchia/geminio/examples/traversal/internal/status"
	"github.com/singchia/geminio/server"
)

// config is what the flags say.
type config struct {
	addr, bind, ports    string
	http, domain, status string
	tokens               string
	cert, key, clientCA  string
}

func main() {
	var c config
	flag.StringVar(&c.addr, "addr", ":7000", "`address` to listen on for agents; port 0 takes a free one")
	flag.StringVar(&c.bind, "bind", "", "`host` on which the ports of TCP services are opened; empty is all interfaces")
	flag.StringVar(&c.ports, "ports", "", "`range` of the ports that TCP services may have, as 20000-20999; empty is any")
	flag.StringVar(&c.http, "http", "", "`address` on which HTTP services are served; empty is off")
	flag.StringVar(&c.domain, "domain", "localhost", "`domain` of HTTP services: service S of agent A is S.A.domain")
	flag.StringVar(&c.status, "status", "", "`address` on which the status page is served; empty is off")
	flag.StringVar(&c.tokens, "tokens", "", "`file` of lines \"agent token\": who may connect")
	flag.StringVar(&c.cert, "cert", "", "PEM `file` of the certificate: agents must use TLS")
	flag.StringVar(&c.key, "key", "", "PEM `file` of the certificate's key")
	flag.StringVar(&c.clientCA, "client-ca", "", "PEM `file` of the CA that signs the certificates of agents, whose names are those of the agents; with -tokens too, both must be right")
	program.Main("internet", func(ctx context.Context) error { return serve(ctx, c) })
}

// serve runs until ctx ends.
func serve(ctx context.Context, c config) error {
	creds, err := loadCredentials(c.tokens, c.clientCA != "")
	if err != nil {
		return err
	}
	ports, err := parsePorts(c.bind, c.ports)
	if err != nil {
		return err
	}
	ln, err := listen(c)
	if err != nil {
		return err
	}
	x := newExchange(creds, ports)
	if c.http != "" {
		x.web = newWeb(c.domain)
		addr, err := program.Serve(ctx, c.http, x.web)
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		x.web.port = portOf(addr)
		fmt.Println("http services on", addr)
	}
	if c.status != "" {
		addr, err := program.Serve(ctx, c.status, status.Handler(x.snapshot))
		if err != nil {
			return errors.Join(err, ln.Close())
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

// listen listens for agents, over TLS if there is a certificate.
func listen(c config) (net.Listener, error) {
	certs, err := program.Certificates(c.cert, c.key)
	if err != nil {
		return nil, err
	}
	if certs == nil {
		if c.clientCA != "" {
			return nil, program.Usage("-client-ca needs -cert and -key")
		}
		log.Warn("no -cert: tokens and data cross the network unencrypted")
		return net.Listen("tcp", c.addr)
	}
	conf := &tls.Config{Certificates: certs, MinVersion: tls.VersionTLS13}
	if c.clientCA != "" {
		if conf.ClientCAs, err = program.Pool(c.clientCA); err != nil {
			return nil, err
		}
		conf.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return tls.Listen("tcp", c.addr, conf)
}

func portOf(addr net.Addr) int { return addr.(*net.TCPAddr).Port }
