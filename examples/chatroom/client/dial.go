package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/singchia/geminio/client"
)

// dialer returns what makes the connections, until ctx ends.
func dialer(ctx context.Context, cfg config) (client.Dialer, error) {
	plain := &net.Dialer{Timeout: 10 * time.Second}
	if !cfg.tls {
		return func() (net.Conn, error) { return plain.DialContext(ctx, "tcp", cfg.addr) }, nil
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.ca != "" {
		pem, err := os.ReadFile(cfg.ca)
		if err != nil {
			return nil, err
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificates in it", cfg.ca)
		}
	}
	over := &tls.Dialer{NetDialer: plain, Config: secure}
	return func() (net.Conn, error) { return over.DialContext(ctx, "tcp", cfg.addr) }, nil
}
