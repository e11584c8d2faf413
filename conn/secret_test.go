package conn

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/test/memnet"
)

// fixedKeys returns the keys of the vectors: bytes 1, 2, … and 101, 102, …
func fixedKeys(t *testing.T) (client, server *ecdh.PrivateKey) {
	var raw [2][32]byte
	for i := range 32 {
		raw[0][i], raw[1][i] = 1+byte(i), 101+byte(i)
	}
	client, err := ecdh.X25519().NewPrivateKey(raw[0][:])
	require.NoError(t, err)
	server, err = ecdh.X25519().NewPrivateKey(raw[1][:])
	require.NoError(t, err)
	return client, server
}

func share(k *ecdh.PrivateKey) [32]byte { return [32]byte(k.PublicKey().Bytes()) }

// The figures come from another implementation of X25519, and from HMAC and
// SHA-256 put together by hand as docs/wire.md says.
func TestKeysAndProofsAreThoseOfTheSpecification(t *testing.T) { // W64, W65
	client, server := fixedKeys(t)
	first, answer := []byte("the first packet"), []byte("the answer")
	for _, v := range []struct {
		exporter                         []byte
		client, server, client1, server1 string
	}{
		{
			nil,
			"f95bebd2de51436da4040117fbbc34bdedc43128b85d284909e663e79e39724e",
			"a5c2fc3ec58c2978a1e4fbc73a962f85af0887da5ff380db2b29c54baf841d25",
			"45bf89f332d665a8e0e5d4d7eb561cf063b734c24a2a8b6c00e5fabbd8ec7a42",
			"2467eaded70461e583e60f928774999c2b7029ab700c06f30aa3eb78cb0f0e44",
		},
		{
			bytes.Repeat([]byte{0xee}, 32),
			"49c82a03b876e2ce9e0668fe5d580abf09baacfc28ba6f122302ee80d8faf5f4",
			"de3d86fa1e84be10e979e4e97f9a76362930b696dda607d1f7831603801e6e57",
			"e2e0df4f0463beabdbbdb7f4d522bda853eb77e38e0096617204d3edafceb1a0",
			"c52a298299bc276b9e51c97dc74d5fa077ea4502cce6614dc9bb77ec2780e950",
		},
	} {
		for _, side := range []struct{ own, peer *ecdh.PrivateKey }{{client, server}, {server, client}} {
			s, err := agree(side.own, share(side.peer), v.exporter, first, answer)
			require.NoError(t, err)
			require.Equal(t, v.client, hex.EncodeToString(s.keys().client[:]))
			require.Equal(t, v.server, hex.EncodeToString(s.keys().server[:]))
			proof := s.proveClient([]byte("covered"), v.exporter)
			require.Equal(t, v.client1, hex.EncodeToString(proof[:]))
			proof = s.proveServer(first, []byte("covered"), v.exporter)
			require.Equal(t, v.server1, hex.EncodeToString(proof[:]))
		}
	}
}

func TestEverythingThatWasSaidIsInTheSecret(t *testing.T) { // W64
	client, server := fixedKeys(t)
	bound := bytes.Repeat([]byte{0xee}, 32)
	seen := map[keys]string{}
	for name, with := range map[string]struct{ exporter, first, answer []byte }{
		"itself":           {nil, []byte("first"), []byte("answer")},
		"the first packet": {nil, []byte("First"), []byte("answer")},
		"the answer":       {nil, []byte("first"), []byte("Answer")},
		"the connection":   {bound, []byte("first"), []byte("answer")},
	} {
		s, err := agree(client, share(server), with.exporter, with.first, with.answer)
		require.NoError(t, err)
		require.Empty(t, seen[*s.keys()], "%s makes no difference", name)
		require.NotEqual(t, s.keys().client, s.keys().server)
		seen[*s.keys()] = name
	}
	s, err := agree(client, share(client), nil, []byte("first"), []byte("answer"))
	require.NoError(t, err)
	require.Empty(t, seen[*s.keys()], "the peer")
}

func TestEverythingThatIsProvedIsInTheProof(t *testing.T) { // W65
	s := (&keys{client: [32]byte{1}, server: [32]byte{2}}).hidden()
	bound := bytes.Repeat([]byte{0xee}, 32)
	a, b := []byte("a"), []byte("b")
	seen := map[[32]byte]bool{}
	for _, proof := range [][32]byte{
		s.proveClient(a, nil), s.proveClient(b, nil), s.proveClient(a, bound), dummy.proveClient(a, nil),
		s.proveServer(a, a, nil), s.proveServer(b, a, nil), s.proveServer(a, b, nil), s.proveServer(a, a, bound), dummy.proveServer(a, a, nil),
	} {
		require.False(t, seen[proof])
		seen[proof] = true
	}
	same := (&keys{client: [32]byte{1}, server: [32]byte{1}}).hidden()
	require.NotEqual(t, same.proveClient([]byte("ab"), nil), same.proveServer(a, b, nil), "the kinds differ, whatever the key")
}

func TestShareThatWouldMakeTheSecretAnybodysIsRefused(t *testing.T) { // W64
	key, err := newKey()
	require.NoError(t, err)
	for _, low := range []string{
		strings.Repeat("00", 32),
		"01" + strings.Repeat("00", 31),
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		raw, err := hex.DecodeString(low)
		require.NoError(t, err)
		_, err = agree(key, [32]byte(raw), nil, nil, nil)
		require.Error(t, err, low)
	}
}

func TestEachHandshakeHasAKeyOfItsOwn(t *testing.T) {
	a, err := newKey()
	require.NoError(t, err)
	b, err := newKey()
	require.NoError(t, err)
	require.False(t, a.Equal(b))
	require.NotZero(t, dummy.keys().client)
	require.NotZero(t, dummy.keys().server)
	require.NotEqual(t, dummy.keys().client, dummy.keys().server)
}

func TestProofsAreEqualOnlyInEachBit(t *testing.T) {
	a := sha256.Sum256([]byte("a"))
	require.True(t, equal(a, a))
	for i := range 256 {
		b := a
		b[i/8] ^= 1 << (i % 8)
		require.False(t, equal(a, b))
	}
}

func TestNoPrintingShowsAKey(t *testing.T) {
	k := new(keys)
	for i := range k.client {
		k.client[i], k.server[i] = 0xc5, 0xa7
	}
	s := k.hidden()
	type holder struct {
		Name   string
		key    *secret
		value  secret
		deep   struct{ keys []*secret }
		Public *secret
		Value  secret
	}
	h := holder{Name: "name", key: s, value: *s, Public: s, Value: *s}
	h.deep.keys = []*secret{s}
	for _, v := range []any{s, *s, h, &h, []*secret{s}, map[string]*secret{"k": s}, []any{s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d", "% x", "%b", "%t", "%T"} {
			text := strings.ToLower(fmt.Sprintf(verb, v))
			for _, key := range []string{"c5", "a7"} {
				for _, form := range []string{key + key, key + " " + key, "0x" + key + ", 0x" + key} {
					require.NotContains(t, text, form, "%s of %T", verb, v)
				}
			}
			for _, form := range []string{"197 197", "197, 197", "11000101 11000101", "\xc5\xc5", `\xc5\xc5`} {
				require.NotContains(t, text, form, "%s of %T", verb, v)
			}
		}
	}
	require.Equal(t, "redacted redacted redacted redacted", fmt.Sprintf("%v %x %d ", s, s, s)+s.String())
	require.Equal(t, "redacted", s.GoString())
	require.Equal(t, "wrapped: redacted", fmt.Errorf("wrapped: %v", s).Error())
}

// tlsPair returns both ends of a TLS connection in memory that is not yet
// shaken hands on.
func tlsPair(t *testing.T, newest uint16) (client, server *tls.Conn) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"server"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(cert)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	a, b := memnet.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return tls.Client(a, &tls.Config{RootCAs: roots, ServerName: "server", MaxVersion: newest}),
		tls.Server(b, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: private}}, MaxVersion: newest})
}

// exporters returns what both ends find.
func exporters(t *testing.T, client, server net.Conn) (c, s []byte) {
	done := make(chan error, 1)
	go func() {
		var err error
		s, err = exporter(context.Background(), server)
		done <- err
	}()
	c, err := exporter(context.Background(), client)
	require.NoError(t, err)
	require.NoError(t, <-done)
	return c, s
}

func TestBothEndsOfATLSConnectionExportTheSame(t *testing.T) { // W64
	seen := map[string]bool{}
	for _, newest := range []uint16{tls.VersionTLS13, tls.VersionTLS13, tls.VersionTLS12} {
		c, s := tlsPair(t, newest)
		client, server := exporters(t, c, s)
		require.Len(t, client, 32)
		require.Equal(t, client, server)
		require.False(t, seen[string(client)], "each connection its own")
		seen[string(client)] = true
		again, _ := exporters(t, c, s)
		require.Equal(t, client, again)
	}
}

// A handmade is a connection with a state that a program filled in.
type handmade struct {
	net.Conn
	state tls.ConnectionState
}

func (h handmade) ConnectionState() tls.ConnectionState { return h.state }

func TestConnectionsThatExportNothingHaveNoExporter(t *testing.T) {
	a, b := memnet.Pipe()
	defer a.Close()
	defer b.Close()
	for _, nc := range []net.Conn{a, handmade{a, tls.ConnectionState{}}, handmade{a, tls.ConnectionState{HandshakeComplete: true}}} {
		key, err := exporter(context.Background(), nc)
		require.NoError(t, err)
		require.Nil(t, key)
	}
}

func TestWaitingForATLSHandshakeIsBounded(t *testing.T) {
	c, _ := tlsPair(t, 0)
	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := exporter(ctx, c)
		done <- err
	}()
	cancel(errors.New("enough"))
	require.Error(t, <-done)
}
