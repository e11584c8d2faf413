package program

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/client"
)

// parse parses args with the flags that define defines.
func parse(t *testing.T, define func(*flag.FlagSet), args ...string) {
	t.Helper()
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	define(flags)
	require.NoError(t, flags.Parse(args))
}

func TestWhereATokenComesFrom(t *testing.T) {
	t.Setenv("PROGRAM_TOKEN", "from the environment")
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("from a file\n"), 0o600))
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	value := func(args ...string) (string, error) {
		var token Token
		parse(t, func(flags *flag.FlagSet) { token.Define(flags, "PROGRAM_TOKEN", "to show") }, args...)
		return token.Value()
	}
	for want, args := range map[string][]string{
		"from the environment": nil, "from a flag": {"-token", "from a flag"}, "from a file": {"-token-file", file},
	} {
		got, err := value(args...)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := value("-token", "a", "-token-file", file)
	assert.ErrorAs(t, err, new(usageError))
	_, err = value("-token-file", empty)
	assert.ErrorContains(t, err, "-token-file: nothing in ")
	_, err = value("-token-file", empty+"?")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestBothSidesSpeakTLSIfTheFlagsSaySo(t *testing.T) {
	cert, key := certificate(t)
	for name, c := range map[string]struct {
		server, client []string
		works          bool
	}{
		"TCP":                      {nil, nil, true},
		"TLS":                      {[]string{"-cert", cert, "-key", key}, []string{"-ca", cert}, true},
		"unknown CA":               {[]string{"-cert", cert, "-key", key}, []string{"-tls"}, false},
		"TLS both ways":            {[]string{"-cert", cert, "-key", key, "-client-ca", cert}, []string{"-ca", cert, "-cert", cert, "-key", key}, true},
		"no certificate to show":   {[]string{"-cert", cert, "-key", key, "-client-ca", cert}, []string{"-ca", cert}, false},
		"TCP, where TLS is spoken": {[]string{"-cert", cert, "-key", key}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			var srv ServerTLS
			parse(t, srv.DefineMutual, c.server...)
			ln, err := srv.Listen("127.0.0.1:0")
			require.NoError(t, err)
			defer ln.Close()
			go func() {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				got := make([]byte, 5)
				if _, err := io.ReadFull(conn, got); err == nil && string(got) == "hello" {
					_, _ = conn.Write(got)
				}
			}()
			var cli ClientTLS
			parse(t, cli.DefineMutual, c.client...)
			dial, err := cli.Dialer(t.Context(), ln.Addr().String())
			require.NoError(t, err)
			answer := make([]byte, 5)
			conn, err := dial()
			if err == nil {
				defer conn.Close()
				require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
				_, _ = conn.Write([]byte("hello"))
				_, err = io.ReadFull(conn, answer)
			}
			if c.works {
				require.NoError(t, err)
				assert.Equal(t, "hello", string(answer))
			} else {
				assert.NotEqual(t, "hello", string(answer))
			}
		})
	}
}

func TestFlagsOfTLSThatDoNotAddUp(t *testing.T) {
	cert, key := certificate(t)
	for _, args := range [][]string{{"-cert", cert}, {"-key", key}, {"-client-ca", cert}} {
		var srv ServerTLS
		parse(t, srv.DefineMutual, args...)
		_, err := srv.Listen("127.0.0.1:0")
		assert.ErrorAs(t, err, new(usageError), args)
	}
	for _, args := range [][]string{{"-cert", key, "-key", cert}, {"-cert", cert, "-key", key, "-client-ca", key}, {"-cert", "x", "-key", "y"}} {
		var srv ServerTLS
		parse(t, srv.DefineMutual, args...)
		_, err := srv.Listen("127.0.0.1:0")
		assert.ErrorContains(t, err, args[len(args)-2]+": ", args)
	}
	for _, args := range [][]string{{"-cert", cert}, {"-ca", key}, {"-ca", "nowhere"}} {
		var cli ClientTLS
		parse(t, cli.DefineMutual, args...)
		_, err := cli.Dialer(t.Context(), "127.0.0.1:1")
		assert.Error(t, err, args)
	}
}

func TestConnectEndsWithItsContext(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	accepted := make(chan net.Conn, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := ln.Accept() // and says nothing
		if err == nil {
			accepted <- conn
		}
		cancel()
	}()
	dial, err := new(ClientTLS).Dialer(ctx, ln.Addr().String())
	require.NoError(t, err)
	_, err = Connect(ctx, dial, client.NewEndOptions())
	assert.ErrorIs(t, err, context.Canceled)
	ln.Close()
	(<-accepted).Close()
}

// certificate writes a self-signed certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return cert, key
}
