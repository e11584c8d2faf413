package program

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"time"
)

// ServerTLS are the flags of a server's TLS. Without them it speaks TCP.
type ServerTLS struct {
	cert, key string
}

// Define defines the flags.
func (t *ServerTLS) Define() {
	flag.StringVar(&t.cert, "cert", "", "`file` with the certificate, in PEM; with -key it switches TLS on")
	flag.StringVar(&t.key, "key", "", "`file` with the private key of -cert, in PEM")
}

// Check ends the program if one flag is missing.
func (t *ServerTLS) Check() {
	if (t.cert == "") != (t.key == "") {
		Usage("-cert and -key belong together")
	}
}

// Listen listens on a TCP address.
func (t *ServerTLS) Listen(address string) (net.Listener, error) {
	var config *tls.Config
	if t.cert != "" {
		pair, err := tls.LoadX509KeyPair(t.cert, t.key)
		if err != nil {
			return nil, fmt.Errorf("-cert, -key: %w", err)
		}
		config = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	ln, err := net.Listen("tcp", address)
	if err != nil || config == nil {
		return ln, err
	}
	return tls.NewListener(ln, config), nil
}

// ClientTLS are the flags of a client's TLS. Without them it speaks TCP.
type ClientTLS struct {
	on bool
	ca string
}

// Define defines the flags.
func (t *ClientTLS) Define() {
	flag.BoolVar(&t.on, "tls", false, "connect over TLS")
	flag.StringVar(&t.ca, "ca", "", "`file` with the certificates to trust, in PEM, instead of the system's; it implies -tls")
}

// Dialer returns what dials address, until ctx ends.
func (t *ClientTLS) Dialer(ctx context.Context, address string) (func() (net.Conn, error), error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if !t.on && t.ca == "" {
		return func() (net.Conn, error) { return dialer.DialContext(ctx, "tcp", address) }, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.ca != "" {
		pem, err := os.ReadFile(t.ca)
		if err != nil {
			return nil, fmt.Errorf("-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("-ca: no certificate in " + t.ca)
		}
	}
	secure := &tls.Dialer{NetDialer: dialer, Config: config}
	return func() (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialer.Timeout)
		defer cancel()
		return secure.DialContext(ctx, "tcp", address)
	}, nil
}
