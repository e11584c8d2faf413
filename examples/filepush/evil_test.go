package filepush

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/examples/filepush/internal/push"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
)

var badNames = []string{
	"", ".", "..", "../evil", "/tmp/evil", "sub/evil", `..\evil`, `sub\evil`, "c:evil", ".data.bin.part", ".profile",
	"a\x00b", "\x1b[2Jevil", "evil\n", "a\u202eb", "\xff",
}

// TestAnEvilServerPutsNothingAnywhere has clients dial servers that do what
// the real one never does.
func TestAnEvilServerPutsNothingAnywhere(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256(nil)
	offer := func(name string, size int64) push.Offer {
		return push.Offer{Name: name, Size: size, SHA256: sum[:], Block: push.BlockSize(size)}
	}
	evil := [][]func(ctx context.Context, end geminio.End) error{{
		offerRaw([]byte("{")),
		offerRaw(push.Encode(offer("data.bin", -1))),
		offerRaw(push.Encode(push.Offer{Name: "data.bin", Size: 1 << 40, SHA256: sum[:], Block: 1})),
		offerRaw(push.Encode(push.Offer{Name: "data.bin", Block: push.BlockSize(0)})),
		pushRaw([]byte("[]")),
		pushRaw(push.Encode(push.Start{Offer: offer("data.bin", 1<<40), From: 1 << 39})),
		pushRaw(push.Encode(push.Start{Offer: offer("data.bin", 1), From: 2})),
		pushRaw(push.Encode(push.Start{Offer: offer("data.bin", 1), From: -1})),
	}}
	for names := range slices.Chunk(badNames, 8) {
		var offers, pushes []func(ctx context.Context, end geminio.End) error
		for _, name := range names {
			offers = append(offers, offerRaw(push.Encode(offer(name, 3))))
			pushes = append(pushes, pushRaw(push.Encode(push.Start{Offer: offer(name, 3)})))
		}
		evil = append(evil, offers, pushes)
	}
	ln, err := server.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })

	outside := t.TempDir()
	dir := filepath.Join(outside, "dir")
	for _, all := range evil {
		c := startClient(t, ln.Addr().String(), dir)
		end, err := ln.AcceptEnd()
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		for i, do := range all {
			var refused *geminio.RemoteError
			assert.ErrorAs(t, do(ctx, end), &refused, "%d", i)
		}
		assert.NoError(t, end.Publish(ctx, end.NewMessage(push.Encode(push.Bye{}))))
		cancel()
		assert.Equal(t, 1, c.wait())
		assert.NotEmpty(t, c.errors())
		end.Close()
	}
	entries, err := os.ReadDir(outside)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
	entries, err = os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries { // "beyond the part" makes it
		assert.Equal(t, ".data.bin.part", e.Name())
	}
}

// offerRaw offers this.
func offerRaw(data []byte) func(context.Context, geminio.End) error {
	return func(ctx context.Context, end geminio.End) error {
		_, err := end.Call(ctx, push.MethodOffer, end.NewRequest(data))
		return err
	}
}

// pushRaw pushes three bytes on a stream with this meta, and returns the
// verdict.
func pushRaw(meta []byte) func(context.Context, geminio.End) error {
	return func(ctx context.Context, end geminio.End) error {
		opts := options.OpenStream()
		opts.SetMeta(meta)
		stream, err := end.OpenStream(opts)
		if err != nil {
			return err
		}
		defer stream.Close()
		_, _ = stream.Write([]byte("hey"))
		return stream.Publish(ctx, stream.NewMessage(nil))
	}
}

// TestAClientThatCannotGoOnDoesNotWaitForBye has a server that says nothing.
func TestAClientThatCannotGoOnDoesNotWaitForBye(t *testing.T) {
	t.Parallel()
	ln, err := server.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	c := startClient(t, ln.Addr().String(), t.TempDir())
	end, err := ln.AcceptEnd()
	require.NoError(t, err)
	defer end.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = end.Call(ctx, push.MethodOffer, end.NewRequest(push.Encode(push.Offer{Name: "../evil"})))
	assert.ErrorContains(t, err, "bad file name")
	assert.Equal(t, 1, c.wait())
	assert.Contains(t, c.errors(), `bad file name "../evil"`)
}
