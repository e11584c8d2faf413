package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// certificate makes the files of a certificate for 127.0.0.1.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	write := func(name, kind string, data []byte) string {
		file := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600))
		return file
	}
	return write("cert.pem", "CERTIFICATE", public), write("key.pem", "PRIVATE KEY", secret)
}

func TestOnlyWhoHasTheTokenGetsInAndOnlyOverTLS(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	_, addr := startBroker(t, "-file", newFile(t), "-cert", cert, "-key", key, "-token", "secret")
	good := start(t, "producer", "-addr", addr, "-topic", "t", "-tls", "-ca", cert, "-token", "secret", "-echo")
	wrong := start(t, "status", "-addr", addr, "-tls", "-ca", cert, "-token", "guess")
	none := start(t, "status", "-addr", addr, "-tls", "-ca", cert)
	distrusts := start(t, "status", "-addr", addr, "-tls", "-token", "secret")
	plain := start(t, "status", "-addr", addr, "-token", "secret")

	_, err := io.WriteString(good.stdin, "hello\n")
	require.NoError(t, err)
	assert.Equal(t, []string{"hello"}, good.waitLines(1))
	for p, want := range map[*process]string{wrong: "wrong token", none: "wrong token", distrusts: "certificate", plain: "mq status: "} {
		assert.Equal(t, 1, p.exit(), p.name)
		assert.Contains(t, p.errors(), want, p.name)
	}
}
