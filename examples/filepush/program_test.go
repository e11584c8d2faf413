package filepush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFlagsExplainThemselves(t *testing.T) {
	t.Parallel()
	name, _ := randomFile(t, 1)
	for _, which := range []string{"server", "client"} {
		p := start(t, program(which), "-h")
		assert.Equal(t, 0, p.wait())
		for _, text := range []string{"Usage: " + which + " [flags]", "-addr address", "-token-file", "-pprof"} {
			assert.NotEmpty(t, p.lines(text), text)
		}
	}
	for _, c := range []struct {
		want int
		text string
		args []string
	}{
		{2, "not defined", []string{"server", "-what"}},
		{2, "no file", []string{"server"}},
		{2, "go together", []string{"server", "-cert", "x", name}},
		{2, "-limit", []string{"server", "-limit", "-1", name}},
		{2, "-limit", []string{"server", "-limit", "NaN", name}},
		{2, "unexpected", []string{"client", "what"}},
		{1, "no such file", []string{"server", "/does/not/exist"}},
		{1, "not a regular file", []string{"server", os.TempDir()}},
		{1, "two files", []string{"server", name, name}},
		{1, "-cert, -key", []string{"server", "-cert", "/does/not/exist", "-key", "/does/not/exist", name}},
		{1, "-ca", []string{"client", "-ca", "/does/not/exist", "-dir", t.TempDir()}},
		{1, "client: connect to 127.0.0.1:1: ", []string{"client", "-addr", "127.0.0.1:1", "-dir", t.TempDir()}},
	} {
		p := start(t, program(c.args[0]), c.args[1:]...)
		assert.Equal(t, c.want, p.wait(), c.args)
		assert.Contains(t, p.errors(), c.text)
	}
}

func TestSignalsEndBothInOrder(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no signals")
	}
	name, data := randomFile(t, 6*mib)
	srv, addr := startServer(t, "-pprof", "127.0.0.1:0", name)
	p, dir := startProxy(t, addr), t.TempDir()
	p.passUpTo(2 * mib)
	c := startClient(t, p.addr(), dir)
	waitForPart(t, dir, mib)

	// Profiles are there meanwhile.
	require.Eventually(t, func() bool { return strings.Contains(srv.errors(), "profiles on ") }, limit, tick)
	url := regexp.MustCompile(`http://\S+`).FindString(srv.errors())
	rsp, err := http.Get(url + "goroutine?debug=1")
	require.NoError(t, err)
	body, err := io.ReadAll(rsp.Body)
	rsp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, err)
	assert.Contains(t, string(body), "pusher")

	p.passUpTo(5 * mib)
	waitForPart(t, dir, 4*mib)
	require.NoError(t, c.cmd.Process.Signal(os.Interrupt))
	p.passAll()
	assert.Equal(t, 1, c.wait())
	assert.Contains(t, c.errors(), "client: interrupted: what is there stays there")
	srv.waitFor("client 1: gone", 1)

	p.passUpTo(0) // the next one waits in the middle
	c = startClient(t, p.addr(), dir, "-wait")
	require.NoError(t, srv.cmd.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, 0, srv.wait(), srv.errors())

	_, addr = startServer(t, name)
	p.setTarget(addr)
	p.passAll()
	p.cut()
	requireReceived(t, c, dir, data)
	assert.GreaterOrEqual(t, c.begun()[len(c.begun())-1], 4*mib)
}

func TestAClientMayBeThereFirst(t *testing.T) {
	t.Parallel()
	name, data := randomFile(t, mib)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	ln.Close()
	dir := t.TempDir()
	c := startClient(t, addr, dir, "-wait")
	srv := start(t, program("server"), "-addr", addr, name)
	srv.waitFor("listening", 1)
	requireReceived(t, c, dir, data)
}

func TestTLSAndTokens(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	token, wrong := filepath.Join(t.TempDir(), "token"), filepath.Join(t.TempDir(), "wrong")
	require.NoError(t, os.WriteFile(token, []byte("secret\n"), 0o600))
	require.NoError(t, os.WriteFile(wrong, []byte("sesame\n"), 0o600))
	name, data := randomFile(t, 4*mib)
	_, addr := startServer(t, "-cert", cert, "-key", key, "-token-file", token, name)

	refused := func(text string, args ...string) {
		t.Helper()
		c := startClient(t, addr, t.TempDir(), args...)
		assert.Equal(t, 1, c.wait())
		assert.Contains(t, c.errors(), text)
	}
	refused("wrong token", "-ca", cert)
	refused("wrong token", "-ca", cert, "-token-file", wrong)
	refused("certificate", "-tls", "-token-file", token) // not one that the system trusts

	p, dir := startProxy(t, addr), t.TempDir()
	p.cutEvery(3*mib/2, 2)
	c := startClient(t, p.addr(), dir, "-tls", "-ca", cert, "-token-file", token)
	requireReceived(t, c, dir, data)
	assert.Zero(t, p.cutsLeft())
	assert.Equal(t, []int{0}, c.begun())
}

// certificate makes files with a certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "filepush test"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	return cert, key
}
