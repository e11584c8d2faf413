package program

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// Certificates returns the certificate of two PEM files, none if both names
// are empty.
func Certificates(cert, key string) ([]tls.Certificate, error) {
	if (cert == "") != (key == "") {
		return nil, Usage("-cert and -key go together")
	}
	if cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	return []tls.Certificate{pair}, nil
}

// Pool returns the certificates of a PEM file.
func Pool(file string) (*x509.CertPool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s: no certificate in it", file)
	}
	return pool, nil
}
