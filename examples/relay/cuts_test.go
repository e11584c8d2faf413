package main

import (
	"crypto/sha256"
	"io"
	"math/rand"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/test/chaos"
)

// TestUsersDoNotNoticeCuts carries bytes up and down, over one user's
// connection, and cuts the control connection 20 times meanwhile.
func TestUsersDoNotNoticeCuts(t *testing.T) {
	size := int64(16 << 20)
	if os.Getenv("GEMINIO_SOAK") != "" {
		size = 256 << 20
	}
	const cuts = 20
	var (
		sums = make(chan [sha256.Size]byte, 1)
		echo = service(t, func(conn *net.TCPConn) {
			h := sha256.New()
			if _, err := io.Copy(io.MultiWriter(conn, h), conn); err == nil {
				sums <- [sha256.Size]byte(h.Sum(nil))
			}
		})
	)
	far := start(t, "far", "-addr", "127.0.0.1:0", "-target", "echo="+echo)
	link, err := chaos.NewProxy(far.line("listening on "), nil)
	require.NoError(t, err)
	t.Cleanup(func() { link.Close() })
	near := start(t, "near", "-far", link.Addr(), "-local", "echo=127.0.0.1:0")
	conn := user(t, near.line("echo on "))

	sent := make(chan [sha256.Size]byte, 1)
	go func() {
		h := sha256.New()
		src := io.LimitReader(rand.New(rand.NewSource(1)), size)
		_, err := io.Copy(io.MultiWriter(conn, h), src)
		assert.NoError(t, err)
		assert.NoError(t, conn.CloseWrite())
		sent <- [sha256.Size]byte(h.Sum(nil))
	}()
	begin, h := time.Now(), sha256.New()
	for i := range cuts {
		_, err := io.CopyN(h, conn, size/(cuts+1))
		require.NoError(t, err, "before cut %d", i)
		link.Inject(chaos.Up, chaos.Reset{})
	}
	_, err = io.Copy(h, conn)
	require.NoError(t, err)
	took := time.Since(begin)
	want := <-sent
	assert.Equal(t, want, <-sums, "what the target got")
	assert.Equal(t, want, [sha256.Size]byte(h.Sum(nil)), "what the user got back")
	made := len(link.Links()) - 1
	assert.GreaterOrEqual(t, made, cuts/2, "connections after the first: some cuts met one that was being cut")
	t.Logf("%d MiB up and down over one connection, %d connections lost: %v", size>>20, made, took.Round(time.Millisecond))
	near.terminate()
	far.terminate()
}
