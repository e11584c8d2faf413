package traversal

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
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/test/chaos"
)

func TestAWrongTokenIsRefused(t *testing.T) {
	t.Parallel()
	pub := startInternet(t)
	for name, token := range map[string]string{"office": "wrong", "stranger": "secret", "home": "secrets"} {
		a := startAgent(t, pub.agents, name, "-tcp", "echo,to=127.0.0.1:1", "-token-file", file(t, token+"\n"))
		assert.Equal(t, 1, a.ends(t))
		assert.Contains(t, a.stderr.String(), "intranet: connect: agent unknown, or its token is wrong\n", name)
	}
	a := startAgent(t, pub.agents, "office", "-tcp", "echo,to="+serveTCP(t, echo), "-token-file", file(t, "secret\n"))
	assert.Equal(t, "hello", ask(t, a.at(t, "tcp", "echo", 1), "hello"))
}

func TestACertificateSaysWhoAnAgentIs(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	other := newAuthority(t)
	srv := ca.issue(t, "internet")
	p := start(t, "internet", "-addr", "127.0.0.1:0", "-bind", "127.0.0.1",
		"-cert", srv+".pem", "-key", srv+".key", "-client-ca", ca.file)
	addr := p.says(t, "agents on ", 1)
	service := "echo,to=" + serveTCP(t, echo)
	office, home, foreign := ca.issue(t, "office"), ca.issue(t, "home"), other.issue(t, "office")

	for what, args := range map[string][]string{
		"certificate is not that of agent": {"-tls", "-ca", ca.file, "-cert", home + ".pem", "-key", home + ".key"},
		"connect: ":                        {"-tls", "-ca", ca.file, "-cert", foreign + ".pem", "-key", foreign + ".key"},
		"connect:":                         {"-tls", "-ca", ca.file},
		"failed to verify certificate":     {"-tls", "-ca", other.file, "-cert", office + ".pem", "-key", office + ".key"},
	} {
		a := startAgent(t, addr, "office", append(args, "-tcp", service)...)
		assert.Equal(t, 1, a.ends(t), what)
		assert.Contains(t, a.stderr.String(), what)
	}

	proxy, err := chaos.NewProxy(addr, nil)
	require.NoError(t, err)
	t.Cleanup(func() { proxy.Close() })
	a := startAgent(t, proxy.Addr(), "office", "-tls", "-ca", ca.file, "-cert", office+".pem", "-key", office+".key", "-tcp", service)
	user := dial(t, a.at(t, "tcp", "echo", 1))
	for _, text := range []string{"before the cut", "after the cut."} {
		_, err := io.WriteString(user, text)
		require.NoError(t, err)
		got := make([]byte, len(text))
		_, err = io.ReadFull(user, got)
		require.NoError(t, err)
		assert.Equal(t, text, string(got))
		proxy.Inject(chaos.Both, chaos.Reset{})
	}
}

func TestWhatCannotBeOfferedIsRefusedClearly(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	p := start(t, "internet", "-addr", "127.0.0.1:0", "-bind", "127.0.0.1", "-tokens", file(t, "office secret"), "-ports", "1024-65535")
	addr := p.says(t, "agents on ", 1)
	for text, service := range map[string][]string{
		"service echo: listen tcp 127.0.0.1:" + port:      {"-tcp", "echo,to=127.0.0.1:1,port=" + port},
		"refused: service echo: port 22 is not in":        {"-tcp", "echo,to=127.0.0.1:1,port=22"},
		"refused: service web: HTTP is not served here\n": {"-tcp", "echo,to=127.0.0.1:1", "-http", "web,to=127.0.0.1:1"},
	} {
		a := startAgent(t, addr, "office", service...)
		assert.Equal(t, 1, a.ends(t))
		assert.Contains(t, a.stderr.String(), text)
	}
}

func TestAPortThatIsTakenIsAnError(t *testing.T) {
	t.Parallel()
	taken := serveTCP(t, echo)
	tokens := file(t, "office secret")
	for which, says := range map[string]string{"-addr": "", "-http": "-http: ", "-status": "-status: ", "-pprof": "-pprof: "} {
		p := start(t, "internet", "-addr", "127.0.0.1:0", "-tokens", tokens, which, taken)
		assert.Equal(t, 1, p.ends(t), which)
		assert.Contains(t, p.stderr.String(), "internet: "+says+"listen tcp "+taken+": bind: address already in use\n")
	}
}

func TestBadFlagsExitWithTwo(t *testing.T) {
	t.Parallel()
	var wrong []*process
	for _, args := range [][]string{
		{"internet"}, {"internet", "-nonsense"}, {"internet", "-client-ca", "x"}, {"internet", "surplus"},
		{"internet", "-tokens", file(t, ""), "-ports", "9-1"}, {"internet", "-log", "loud"},
		{"intranet"}, {"intranet", "-name", "a"}, {"intranet", "-name", "A", "-tcp", "x,to=a:1"},
		{"intranet", "-name", "a", "-tcp", "x"}, {"intranet", "-name", "a", "-tcp", "x,to=a:1,allow=everybody"},
		{"intranet", "-name", "a", "-http", "x,to=a:1,port=80"}, {"intranet", "-name", "a", "-tcp", "x,to=a:1", "-cert", "x"},
		{"intranet", "-name", "a", "-tcp", "x,to=a"}, {"intranet", "-name", "a", "-tcp", "x,to=a:1", "-tcp", "x,to=a:2"},
	} {
		wrong = append(wrong, start(t, args[0], args[1:]...))
	}
	for _, program := range []string{"internet", "intranet"} {
		p := start(t, program, "-h")
		assert.Equal(t, 0, p.ends(t))
		assert.Contains(t, p.stdout.String(), "-pprof")
	}
	for _, p := range wrong {
		assert.Equal(t, 2, p.ends(t), p.cmd.Args)
		assert.Contains(t, p.stderr.String(), "-h lists the flags", p.cmd.Args)
	}
}

// authority signs certificates.
type authority struct {
	dir, file string
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.file = a.issue(t, "CA") + ".pem"
	return a
}

// issue writes a certificate and its key, and returns the name of the files
// without ".pem" and ".key". The first one is that of the authority itself.
func (a *authority) issue(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	cert := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if a.cert == nil {
		cert.IsCA, cert.BasicConstraintsValid, cert.KeyUsage = true, true, x509.KeyUsageCertSign
		a.cert, a.key = cert, key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	require.NoError(t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	file := filepath.Join(a.dir, name)
	for suffix, block := range map[string]*pem.Block{
		".pem": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "EC PRIVATE KEY", Bytes: secret},
	} {
		require.NoError(t, os.WriteFile(file+suffix, pem.EncodeToMemory(block), 0o600))
	}
	return file
}
