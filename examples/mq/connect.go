package main

import (
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
)

// peer are the flags of everybody who connects to a broker.
type peer struct {
	common
	addr string
	tls  bool
	ca   string
}

func (p *peer) define(flags *flag.FlagSet) {
	p.common.define(flags, "warn")
	flags.StringVar(&p.addr, "addr", "127.0.0.1:1203", "`address` of the broker")
	flags.BoolVar(&p.tls, "tls", false, "use TLS")
	flags.StringVar(&p.ca, "ca", "", "PEM `file` of the certificates to trust, with -tls; if empty, those of the system")
}

// connect returns an End that comes back by itself when its connection, or the
// broker, is lost. That it never was there is an error.
func (p *peer) connect() (geminio.End, error) {
	var config *tls.Config
	if p.tls {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
		if p.ca != "" {
			pem, err := os.ReadFile(p.ca)
			if err != nil {
				return nil, err
			}
			config.RootCAs = x509.NewCertPool()
			if !config.RootCAs.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("%s: no certificates", p.ca)
			}
		}
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	opts := client.NewEndOptions()
	opts.SetMeta([]byte(p.token))
	opts.SetClientID(rand.Uint64()>>1 + 1) // the same for all sessions of this process
	return client.NewRetryEndWithDialer(func() (net.Conn, error) {
		if config == nil {
			return dialer.Dial("tcp", p.addr)
		}
		return tls.DialWithDialer(dialer, "tcp", p.addr, config)
	}, opts)
}
