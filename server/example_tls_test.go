package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http/httptest"

	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
)

// named returns options for a stream of that name.
func named(peer string) *options.OpenStreamOptions {
	opts := options.OpenStream()
	opts.SetPeer(peer)
	return opts
}

// certificate returns one for example.com, and whom to trust for it. A program
// has files: tls.LoadX509KeyPair.
func certificate() (tls.Certificate, *x509.CertPool) {
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	return web.TLS.Certificates[0], roots
}

// Any listener will do; this one speaks TLS.
func ExampleNewListener() {
	certificate, roots := certificate()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	listener, err := server.NewListener(tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()
	go func() {
		end, err := listener.AcceptEnd()
		if err != nil {
			return
		}
		defer end.Close()
		fmt.Fprint(end, "nobody else can read this")
	}()

	end, err := client.NewEndWithDialer(func() (net.Conn, error) {
		return tls.Dial("tcp", listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "example.com"})
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end.Close()
	text, err := io.ReadAll(end)
	fmt.Println(string(text), err)
	// Output: nobody else can read this <nil>
}
