package server

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"net"

	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/delegate"
)

// An identity is who a client is. Two that are equal are the same client.
type identity struct {
	source source
	name   string
}

// A source says who tells who a client is, from the weakest on; 0: nobody.
type source uint8

const (
	// byGrant: the delegate, by the id that it granted. Whoever is granted the
	// id is the same client, there is no other name.
	byGrant source = iota + 1
	// byCertificate: the client's TLS certificate, which was verified. The name
	// is the hash of its key.
	byCertificate
	// byAuthenticator: the delegate, by a name.
	byAuthenticator
)

// nobody is who a client is that nobody tells of.
var nobody identity

// named tells whether the client is known by more than its id.
func (i identity) named() bool { return i.source >= byCertificate }

// of returns who the client is whose first packet is in, as far as that is
// known without its id.
func (h hooks) of(ctx context.Context, nc net.Conn, in *conn.Incoming) (identity, error) {
	state := in.TLS()
	if a, ok := h.delegate.(delegate.Authenticator); ok {
		info := delegate.AuthInfo{LocalAddr: nc.LocalAddr(), RemoteAddr: nc.RemoteAddr(), TLS: state, Meta: in.Meta}
		var name string
		err := h.try("Authenticate", func() (err error) {
			name, err = a.Authenticate(ctx, info)
			return err
		})
		if err != nil {
			return nobody, err
		}
		if name != "" {
			return identity{byAuthenticator, name}, nil
		}
	}
	return ofCertificate(state), nil
}

// ofCertificate returns who a verified client certificate says the client is.
func ofCertificate(state *tls.ConnectionState) identity {
	if state == nil || len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return nobody
	}
	key := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
	return identity{byCertificate, string(key[:])}
}
