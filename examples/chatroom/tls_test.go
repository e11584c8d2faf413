package chatroom

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTLSAndToken(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	server, addr := serve(t, "-cert", cert, "-key", key, "-token", "open sesame")
	alice := join(t, addr, "alice", "-tls", "-ca", cert, "-token", "open sesame")
	alice.say(t, "psst")
	alice.stdout.has(t, "alice: psst")

	for what, args := range map[string][]string{
		"wrong token": {"-tls", "-ca", cert, "-token", "open barley"},
		"certificate": {"-tls", "-token", "open sesame"},
		"connect to":  {"-token", "open sesame"}, // no TLS
	} {
		p := run(t, "client", append([]string{"-addr", addr, "-nick", "bob"}, args...)...)
		p.exit(t, 1)
		p.stderr.has(t, "client: connect to "+addr+": ", what)
	}
	alice.interrupt(t)
	server.interrupt(t)
}

// certificate makes one for 127.0.0.1, which vouches for itself.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "chatroom"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	return cert, key
}
