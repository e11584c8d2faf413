//go:build go1.25

package chaos_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/test/chaos"
)

func TestHarmlessScriptsAlterNothing(t *testing.T) {
	for seed := range uint64(100) {
		script := chaos.Random(seed, chaos.Harmless)
		bubble(t, script, func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration) {
			copies(t, seed, 256*kib, client, server)
			s := client.Link().Stats()
			require.Equal(t, s.Up.In, s.Up.Out)
			require.Equal(t, s.Down.In, s.Down.Out)
			require.Zero(t, s.Cuts)
		})
		if t.Failed() {
			t.Fatalf("seed %d: %v", seed, script)
		}
	}
}

func TestDeadlyScriptsDeliverAPrefix(t *testing.T) {
	cuts := 0
	profile := chaos.Deadly
	profile.Bytes = 64 * kib
	for seed := range uint64(100) {
		script := chaos.Random(seed, profile)
		bubble(t, script, func(t *testing.T, client, server *chaos.Conn, _ func() time.Duration) {
			data := make([]byte, profile.Bytes)
			for i := range data {
				data[i] = byte(i ^ i>>8 ^ i>>16)
			}
			for _, c := range []*chaos.Conn{client, server} {
				require.NoError(t, c.SetDeadline(time.Now().Add(time.Hour)))
				go c.Write(data)
			}
			for _, c := range []*chaos.Conn{client, server} {
				var got []byte
				for buf := make([]byte, 64*kib); len(got) < len(data); {
					n, err := c.Read(buf)
					got = append(got, buf[:n]...)
					if err != nil {
						break
					}
				}
				require.True(t, string(got) == string(data[:len(got)]))
			}
			cuts += client.Link().Stats().Cuts
		})
		if t.Failed() {
			t.Fatalf("seed %d: %v", seed, script)
		}
	}
	require.Greater(t, cuts, 50, "most are cut")
}
