// Command certs writes what the server and the clients beside it need: ca.pem,
// and a certificate and a key for the server, on 127.0.0.1 and localhost, and
// for each client that is named. They are good for a day, for trying things
// out; the key of the authority is not kept.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	dir := flag.String("certs", filepath.Join(os.TempDir(), "geminio-certs"), "`directory` to write to")
	clients := flag.String("clients", "alice,mallory", "`names` of clients, separated by commas")
	flag.Parse()
	if err := write(*dir, strings.Split(*clients, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "certs:", err)
		os.Exit(1)
	}
}

func write(dir string, clients []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	ca := template("examples")
	ca.IsCA, ca.KeyUsage = true, x509.KeyUsageCertSign
	caKey, err := save(dir, "ca", ca, ca, nil)
	if err != nil {
		return err
	}
	srv := template("server")
	srv.IPAddresses, srv.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
	srv.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if _, err := save(dir, "server", srv, ca, caKey); err != nil {
		return err
	}
	for _, name := range clients {
		if name == "" || name != filepath.Base(name) || name == "ca" || name == "server" {
			return fmt.Errorf("%q is no name for a client", name)
		}
		cli := template(name)
		cli.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		if _, err := save(dir, name, cli, ca, caKey); err != nil {
			return err
		}
	}
	return nil
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62)) // rand.Reader does not fail
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
}

// save writes NAME.pem, signed by the authority, and, but for the authority
// itself, whose key is nil, NAME-key.pem.
func save(dir, name string, cert, ca *x509.Certificate, caKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	signer := caKey
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, ca, &key.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	if err := put(filepath.Join(dir, name+".pem"), "CERTIFICATE", der); err != nil || caKey == nil {
		return key, err
	}
	der, err = x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, put(filepath.Join(dir, name+"-key.pem"), "PRIVATE KEY", der)
}

func put(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
