package chaos_test

import (
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// A duplex is a side of any carrier.
type duplex interface {
	net.Conn
	CloseWrite() error
}

// copies sends random bytes both ways in random writes, ends both directions,
// and requires that what arrived is what was sent.
func copies(t *testing.T, seed uint64, size int, client, server duplex) {
	t.Helper()
	type sum [sha256.Size]byte
	sent, got := [2]chan sum{}, [2]chan sum{}
	for i, way := range [][2]duplex{{client, server}, {server, client}} {
		sent[i], got[i] = make(chan sum, 1), make(chan sum, 1)
		go func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(i)))
			h := sha256.New()
			for left := rnd.IntN(size); left > 0; {
				p := make([]byte, min(left, 1+rnd.IntN(1<<rnd.IntN(18))))
				for j := range p {
					p[j] = byte(rnd.Uint32())
				}
				n, err := way[0].Write(p)
				if err != nil {
					t.Errorf("write: %v", err)
					break
				}
				h.Write(p[:n])
				left -= n
			}
			way[0].CloseWrite()
			sent[i] <- sum(h.Sum(nil))
		}()
		go func() {
			h := sha256.New()
			if _, err := io.Copy(h, way[1]); err != nil {
				t.Errorf("read: %v", err)
			}
			got[i] <- sum(h.Sum(nil))
		}()
	}
	for i := range 2 {
		require.Equal(t, <-sent[i], <-got[i])
	}
}
