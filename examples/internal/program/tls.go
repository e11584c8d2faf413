package program

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/singchia/geminio/client"
)

// ServerTLS is what a server's flags say about TLS; as it is, none.
type ServerTLS struct {
	Cert, Key string // PEM files
	ClientCA  string // PEM file of those who sign the certificates of clients
}

// Define defines -cert and -key.
func (t *ServerTLS) Define(flags *flag.FlagSet) {
	flags.StringVar(&t.Cert, "cert", "", "PEM `file` of the certificate: clients must use TLS; if empty, it is off")
	flags.StringVar(&t.Key, "key", "", "PEM `file` of the certificate's key")
}

// DefineMutual defines -cert, -key and -client-ca.
func (t *ServerTLS) DefineMutual(flags *flag.FlagSet) {
	t.Define(flags)
	flags.StringVar(&t.ClientCA, "client-ca", "", "PEM `file` of the CA that signs the certificates which clients must have; if empty, they need none")
}

// Listen listens on a TCP address, with TLS if the flags say so.
func (t *ServerTLS) Listen(addr string) (net.Listener, error) {
	conf, err := t.config()
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil || conf == nil {
		return ln, err
	}
	return tls.NewListener(ln, conf), nil
}

// config returns nil if there is no TLS.
func (t *ServerTLS) config() (*tls.Config, error) {
	certs, err := certificates(t.Cert, t.Key)
	if err != nil {
		return nil, err
	}
	if certs == nil {
		if t.ClientCA != "" {
			return nil, Usage("-client-ca needs -cert and -key")
		}
		return nil, nil
	}
	conf := &tls.Config{Certificates: certs, MinVersion: tls.VersionTLS13}
	if t.ClientCA != "" {
		conf.ClientAuth = tls.RequireAndVerifyClientCert
		if conf.ClientCAs, err = pool(t.ClientCA); err != nil {
			return nil, fmt.Errorf("-client-ca: %w", err)
		}
	}
	return conf, nil
}

// ClientTLS is what a client's flags say about TLS; as it is, none.
type ClientTLS struct {
	On        bool
	CA        string // PEM file of those who sign the server's certificate
	Cert, Key string // PEM files
}

// Define defines -tls and -ca.
func (t *ClientTLS) Define(flags *flag.FlagSet) {
	flags.BoolVar(&t.On, "tls", false, "use TLS")
	flags.StringVar(&t.CA, "ca", "", "PEM `file` of the CA that signed the server's certificate, instead of those of the system; it has TLS used")
}

// DefineMutual defines -tls, -ca, -cert and -key.
func (t *ClientTLS) DefineMutual(flags *flag.FlagSet) {
	t.Define(flags)
	flags.StringVar(&t.Cert, "cert", "", "PEM `file` of the certificate to show to the server; it has TLS used")
	flags.StringVar(&t.Key, "key", "", "PEM `file` of the certificate's key")
}

// Dialer returns what dials a TCP address, with TLS if the flags say so: for
// at most 10 s each time, and never after ctx has ended.
func (t *ClientTLS) Dialer(ctx context.Context, addr string) (client.Dialer, error) {
	const patience = 10 * time.Second
	conf, err := t.config()
	if err != nil {
		return nil, err
	}
	var d interface {
		DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	} = new(net.Dialer)
	if conf != nil {
		d = &tls.Dialer{Config: conf}
	}
	return func() (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return d.DialContext(ctx, "tcp", addr)
	}, nil
}

// config returns nil if there is no TLS.
func (t *ClientTLS) config() (*tls.Config, error) {
	certs, err := certificates(t.Cert, t.Key)
	if err != nil {
		return nil, err
	}
	if !t.On && t.CA == "" && certs == nil {
		return nil, nil
	}
	conf := &tls.Config{Certificates: certs, MinVersion: tls.VersionTLS13}
	if t.CA != "" {
		if conf.RootCAs, err = pool(t.CA); err != nil {
			return nil, fmt.Errorf("-ca: %w", err)
		}
	}
	return conf, nil
}

// certificates returns the certificate of two files, none if there are none.
func certificates(cert, key string) ([]tls.Certificate, error) {
	if (cert == "") != (key == "") {
		return nil, Usage("-cert and -key go together")
	}
	if cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("-cert, -key: %w", err)
	}
	return []tls.Certificate{pair}, nil
}

func pool(file string) (*x509.CertPool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	certs := x509.NewCertPool()
	if !certs.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("no certificate in %s", file)
	}
	return certs, nil
}
