package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/delegate"
)

func TestWhoTakesThePlaceOfWhom(t *testing.T) {
	alice, bob := identity{byAuthenticator, "alice"}, identity{byAuthenticator, "bob"}
	key := identity{byCertificate, "alice"}
	for _, c := range []struct {
		name               string
		old, newcomer      identity
		connected, waiting bool // the old one gives way
	}{
		{"the same by name", alice, alice, true, true},
		{"the same by key", key, key, true, true},
		{"the same by grant", granted, granted, true, true},
		{"another name", alice, bob, false, false},
		{"the same name from another source", alice, key, false, false},
		{"nobody after a name", alice, nobody, false, false},
		{"nobody after a key", key, nobody, false, false},
		{"nobody after a grant", granted, nobody, false, false},
		{"a grant after a name", alice, granted, false, false},
		{"a name after a grant", granted, alice, false, false},
		{"nobody after nobody", nobody, nobody, false, true},
		{"a name after nobody", nobody, alice, false, true},
		{"a grant after nobody", nobody, granted, true, true},
	} {
		for state, givesWay := range map[string]bool{"connected": c.connected, "waiting": c.waiting, "going on": c.connected} {
			s := NewSessions()
			old, err := s.hold(context.Background(), 7, c.old)
			require.NoError(t, err, c.name)
			f := online(old, newFakeSession(1))
			if state != "connected" {
				old.suspended()
			}
			if state == "going on" {
				old.resumed()
			}
			done := background(func() (*holder, error) { return s.hold(context.Background(), 7, c.newcomer) })
			if !givesWay {
				assert.Equal(t, geminio.ErrClientIDInUse, receive(t, done).err, c.name)
				assert.Empty(t, f.ends, c.name)
				continue
			}
			assert.Equal(t, conn.ErrReplaced, receive(t, f.ends), c.name)
			old.end()
			old.release()
			assert.NoError(t, receive(t, done).err, c.name)
		}
	}
}

func TestNewcomerIsRefusedWhileTheOtherIsBeingAsked(t *testing.T) {
	s := NewSessions()
	_, err := claim(s, 7)
	require.NoError(t, err)
	_, err = claim(s, 7)
	assert.Equal(t, geminio.ErrClientIDInUse, err, "it has no session yet that could be told from a detached one")
}

// authenticator is a recorder that also tells who clients are.
type authenticator struct {
	*recorder
	authenticate func(context.Context, delegate.AuthInfo) (string, error)
}

func (a *authenticator) Authenticate(ctx context.Context, info delegate.AuthInfo) (string, error) {
	return a.authenticate(ctx, info)
}

// byMeta takes meta for the client's name.
func byMeta(_ context.Context, info delegate.AuthInfo) (string, error) { return string(info.Meta), nil }

func TestAuthenticateSeesTheClientBeforeGetClientID(t *testing.T) {
	rec := newRecorder()
	seen := make(chan delegate.AuthInfo, 1)
	o := quiet()
	o.SetDelegate(&authenticator{rec, func(ctx context.Context, info delegate.AuthInfo) (string, error) {
		assert.NoError(t, ctx.Err())
		rec.events <- "who"
		seen <- info
		return "alice", nil
	}})
	l := listen(t, o)
	near, far := connect(t, l, "me", wants(7))
	rec.expect(t, "who", "ask 7 me", "online me")
	info := receive(t, seen)
	assert.Equal(t, near.LocalAddr().String(), info.RemoteAddr.String())
	assert.Equal(t, far.LocalAddr(), info.LocalAddr)
	assert.Equal(t, "me", string(info.Meta))
	assert.Nil(t, info.TLS)
}

func TestAuthenticateRefusesInItsOwnWords(t *testing.T) {
	for name, c := range map[string]struct {
		authenticate func(context.Context, delegate.AuthInfo) (string, error)
		text         string
	}{
		"error": {func(context.Context, delegate.AuthInfo) (string, error) { return "", errors.New("who are you") }, "who are you"},
		"panic": {func(context.Context, delegate.AuthInfo) (string, error) { panic("secret") }, "Authenticate panic"},
	} {
		rec := newRecorder()
		o := quiet()
		o.SetDelegate(&authenticator{rec, c.authenticate})
		l := listen(t, o)
		_, err := dial(l, "me")
		require.EqualError(t, err, c.text, name)
		rec.nothing(t)
	}
}

func TestSameIdentityTakesThePlaceAndAnotherIsRefused(t *testing.T) {
	for name, grants := range map[string]bool{"wanted": false, "granted": true} {
		rec := newRecorder()
		rec.getClientID = func(uint64, []byte) (uint64, error) {
			if grants {
				return 7, nil
			}
			return 0, nil
		}
		o := quiet()
		o.SetDelegate(&authenticator{rec, byMeta})
		l := listen(t, o)
		first, _ := connect(t, l, "alice", wants(7))
		_, err := dial(l, "bob", wants(7))
		assert.Equal(t, geminio.ErrClientIDInUse, err, name)
		second, _ := connect(t, l, "alice", wants(7))
		assert.EqualValues(t, 7, second.ClientID(), name)
		ended(t, first)
		rec.expect(t, "ask 7 alice", "online alice", "ask 7 bob", "ask 7 alice", "offline alice", "online alice")
	}
}

func TestBlockedAuthenticateHoldsUpNobodyAndItsContextEndsWithTheListener(t *testing.T) {
	entered, left := make(chan struct{}), make(chan error, 1)
	o := quiet()
	o.SetDelegate(&authenticator{newRecorder(), func(ctx context.Context, info delegate.AuthInfo) (string, error) {
		if string(info.Meta) != "slow" {
			return "", nil
		}
		close(entered)
		<-ctx.Done()
		left <- ctx.Err()
		return "", ctx.Err()
	}})
	l := listen(t, o)
	slow := background(func() (geminio.End, error) { return dial(l, "slow") })
	receive(t, entered)
	connect(t, l, "quick")
	require.NoError(t, l.Close())
	assert.Equal(t, context.Canceled, receive(t, left))
	assert.Error(t, receive(t, slow).err)
}

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	a := &authority{t: t, key: key}
	a.cert, _ = a.issue(a.key)
	return a
}

// issue signs a certificate for key; the first is the authority's own.
func (a *authority) issue(key *ecdsa.PrivateKey) (*x509.Certificate, tls.Certificate) {
	a.n++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.n), Subject: pkix.Name{CommonName: "somebody"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"server"}, BasicConstraintsValid: true, IsCA: a.cert == nil,
	}
	parent := a.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, a.key)
	require.NoError(a.t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return cert, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	return key
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// listenTLS listens with a certificate of a, and verifies those of clients as
// auth says.
func (a *authority) listenTLS(t *testing.T, auth tls.ClientAuthType, o *EndOptions) Listener {
	_, own := a.issue(a.newKey())
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{own}, ClientCAs: a.pool(), ClientAuth: auth,
	})
	require.NoError(t, err)
	l, err := NewListener(ln, o)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// dialTLS connects with these certificates, if any.
func (a *authority) dialTLS(l Listener, name string, wanted uint64, certs ...tls.Certificate) (geminio.End, error) {
	return client.NewEndWithDialer(func() (net.Conn, error) {
		return tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: a.pool(), ServerName: "server", Certificates: certs})
	}, clientOptions(name, wants(wanted)))
}

func TestVerifiedCertificateIsWhoAClientIs(t *testing.T) {
	a := newAuthority(t)
	o := quiet()
	l := a.listenTLS(t, tls.VerifyClientCertIfGiven, o)
	key := a.newKey()
	_, cert := a.issue(key)
	_, renewed := a.issue(key)
	_, other := a.issue(a.newKey())

	first, err := a.dialTLS(l, "first", 7, cert)
	require.NoError(t, err)
	defer first.Close()
	_, err = a.dialTLS(l, "other", 7, other)
	assert.Equal(t, geminio.ErrClientIDInUse, err)
	_, err = a.dialTLS(l, "none", 7)
	assert.Equal(t, geminio.ErrClientIDInUse, err)
	second, err := a.dialTLS(l, "second", 7, renewed)
	require.NoError(t, err)
	defer second.Close()
	assert.EqualValues(t, 7, second.ClientID())
	ended(t, first)
}

func TestCertificateThatNobodyVerifiedTellsNothing(t *testing.T) {
	a := newAuthority(t)
	l := a.listenTLS(t, tls.RequestClientCert, quiet())
	_, cert := a.issue(a.newKey())
	first, err := a.dialTLS(l, "first", 7, cert)
	require.NoError(t, err)
	defer first.Close()
	_, err = a.dialTLS(l, "second", 7, cert)
	assert.Equal(t, geminio.ErrClientIDInUse, err)
}

func TestAuthenticateGoesBeforeTheCertificateUnlessItSaysNothing(t *testing.T) {
	a := newAuthority(t)
	_, cert := a.issue(a.newKey())
	names := map[string]string{"first": "alice", "second": "bob", "third": "", "fourth": "", "fifth": ""}
	o := quiet()
	o.SetDelegate(&authenticator{newRecorder(), func(_ context.Context, info delegate.AuthInfo) (string, error) {
		assert.Len(t, info.TLS.VerifiedChains, 1)
		return names[string(info.Meta)], nil
	}})
	l := a.listenTLS(t, tls.RequireAndVerifyClientCert, o)
	first, err := a.dialTLS(l, "first", 7, cert)
	require.NoError(t, err)
	defer first.Close()
	_, err = a.dialTLS(l, "second", 7, cert)
	assert.Equal(t, geminio.ErrClientIDInUse, err, "another name, though the same certificate")
	third, err := a.dialTLS(l, "third", 8, cert)
	require.NoError(t, err)
	defer third.Close()
	fourth, err := a.dialTLS(l, "fourth", 8, cert)
	require.NoError(t, err)
	defer fourth.Close()
	ended(t, third)
	_, other := a.issue(a.newKey())
	_, err = a.dialTLS(l, "fifth", 8, other)
	assert.Equal(t, geminio.ErrClientIDInUse, err, "no name, and another certificate")
}
