package conn

import (
	"context"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"io"
	"net"
)

const (
	keyInfo      = "geminio session 2"
	clientInfo   = keyInfo + " client"
	serverInfo   = keyInfo + " server"
	exporterInfo = "EXPORTER-geminio-session"
	exporterLen  = 32
)

// A secret is what both sides of a session know and nobody else: it was never
// on the wire. Whoever resumes the session proves that he knows it, the server
// as well. However it is printed, and whatever holds it, no key shows: fmt
// looks through unexported fields and pointers, but not into a function.
type secret struct{ keys func() *keys }

type keys struct{ client, server [sha256.Size]byte }

func (k *keys) hidden() *secret { return &secret{func() *keys { return k }} }

// Format prints that there is something that must not be seen.
func (secret) Format(f fmt.State, _ rune) { io.WriteString(f, "redacted") }

// String and GoString are for those that do not ask Format.
func (secret) String() string   { return "redacted" }
func (secret) GoString() string { return "redacted" }

// dummy is what a proof for an unknown session is judged with, so that this
// takes what it takes for a known one. Nobody knows it.
var dummy = func() *secret {
	k := new(keys)
	_, _ = rand.Read(k.client[:]) // never fails
	_, _ = rand.Read(k.server[:])
	return k.hidden()
}()

// newKey returns the key of one handshake.
func newKey() (*ecdh.PrivateKey, error) { return ecdh.X25519().GenerateKey(rand.Reader) }

// agree returns what both sides know who made own and the key behind the share
// peer and exchanged the packets first and answer, each whole as it was on the
// wire. exporter is what their TLS connection has in common where the session
// is bound to it, else nil. A share that would make the secret anybody's is an
// error.
func agree(own *ecdh.PrivateKey, peer [32]byte, exporter, first, answer []byte) (*secret, error) {
	share, err := ecdh.X25519().NewPublicKey(peer[:])
	if err != nil {
		return nil, err
	}
	common, err := own.ECDH(share)
	if err != nil {
		return nil, err
	}
	transcript := sha256.New()
	transcript.Write(first) // its header tells where it ends
	transcript.Write(answer)
	key, err := hkdf.Key(sha256.New, append(common, exporter...), transcript.Sum(nil), keyInfo, sha256.Size)
	if err != nil {
		return nil, err
	}
	k := new(keys)
	for _, to := range []struct {
		key  *[sha256.Size]byte
		info string
	}{{&k.client, clientInfo}, {&k.server, serverInfo}} {
		expanded, err := hkdf.Expand(sha256.New, key, to.info, sha256.Size)
		if err != nil {
			return nil, err
		}
		copy(to.key[:], expanded)
	}
	return k.hidden(), nil
}

// proveClient returns the proof that belongs into the client's first packet:
// covered is what packet.SplitProof gives of that. exporter is that of the
// connection it goes over, where the session is bound, else nil.
func (s *secret) proveClient(covered, exporter []byte) [32]byte {
	return prove(&s.keys().client, "R", covered, exporter)
}

// proveServer returns the proof that belongs into the server's answer to the
// whole packet first: covered is what packet.SplitProof gives of the answer.
func (s *secret) proveServer(first, covered, exporter []byte) [32]byte {
	return prove(&s.keys().server, "S", first, covered, exporter)
}

// prove needs no lengths between the parts: packets tell theirs, and the
// exporter is the last.
func prove(key *[sha256.Size]byte, kind string, parts ...[]byte) (proof [sha256.Size]byte) {
	mac := hmac.New(sha256.New, key[:])
	io.WriteString(mac, kind)
	for _, p := range parts {
		mac.Write(p)
	}
	mac.Sum(proof[:0])
	return proof
}

// equal compares proofs in a time that tells nothing about them.
func equal(a, b [32]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

// exporter returns 32 bytes that only the two ends of the TLS connection nc
// know, nil where nc is none or has no such bytes. It finishes the TLS
// handshake first; an error is that of the handshake, or of ctx.
func exporter(ctx context.Context, nc net.Conn) ([]byte, error) {
	t, ok := nc.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return nil, nil
	}
	if h, ok := nc.(interface{ HandshakeContext(context.Context) error }); ok {
		if err := h.HandshakeContext(ctx); err != nil {
			return nil, err
		}
	}
	return export(t.ConnectionState()), nil
}

func export(state tls.ConnectionState) (key []byte) {
	// a state that a program filled in itself, for a proxy that ends TLS say,
	// exports nothing, and panics when it is asked to
	defer func() {
		if recover() != nil {
			key = nil
		}
	}()
	key, err := state.ExportKeyingMaterial(exporterInfo, nil, exporterLen)
	if err != nil {
		return nil // neither TLS 1.3 nor an extended master secret
	}
	return key
}
