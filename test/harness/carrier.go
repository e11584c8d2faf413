package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A Carrier makes connections of one kind.
type Carrier struct {
	Name string
	// Dial returns both sides of a new connection.
	Dial func() (client, server net.Conn, err error)
}

// The carriers that every End must work on.
var (
	TCP  = Carrier{"tcp", dialTCP}
	Unix = Carrier{"unix", dialUnix}
	TLS  = Carrier{"tls", dialTLS}
	Pipe = Carrier{"pipe", dialPipe}
)

// Carriers returns all of them.
func Carriers() []Carrier { return []Carrier{TCP, Unix, TLS, Pipe} }

func dialPipe() (client, server net.Conn, err error) {
	client, server = net.Pipe()
	return client, server, nil
}

func dialTCP() (client, server net.Conn, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	return connect(l)
}

func dialUnix() (client, server net.Conn, err error) {
	dir, err := os.MkdirTemp("", "unix")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		return nil, nil, err
	}
	return connect(l)
}

func dialTLS() (client, server net.Conn, err error) {
	config, err := tlsConfig()
	if err != nil {
		return nil, nil, err
	}
	client, server, err = dialTCP()
	if err != nil {
		return nil, nil, err
	}
	return tls.Client(client, config), tls.Server(server, config), nil
}

// connect dials l, accepts, and closes l.
func connect(l net.Listener) (client, server net.Conn, err error) {
	defer l.Close()
	client, err = net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	server, err = l.Accept()
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	return client, server, nil
}

// TLSConfig returns a configuration for both sides, with a certificate that
// signs itself.
func TLSConfig() (*tls.Config, error) { return tlsConfig() }

var tlsConfig = sync.OnceValues(func() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		RootCAs:      roots,
		ServerName:   "localhost",
		MinVersion:   tls.VersionTLS13,
	}, nil
})
