package conn

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
)

// TestRandomProgramsAgainstAModel appends, composes, writes and acknowledges
// at random and compares with lists of frames.
func TestRandomProgramsAgainstAModel(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { randomProgram(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func randomProgram(t *testing.T, rnd *rand.Rand) {
	c := silent(rnd.IntN(2) == 0)
	var queued [3][]string // what is queued in each class, by its first bytes
	var composed []string
	segs := make(map[*segment]bool)
	serial := 0
	name := func(f frame) string {
		return fmt.Sprintf("%d:%d:%x", f.Stream, len(f.payload), f.payload[:min(8, len(f.payload))])
	}
	for range 400 {
		switch rnd.IntN(6) {
		case 0, 1, 2:
			serial++
			class := packet.Class(rnd.IntN(3))
			payload := make([]byte, 8+rnd.IntN(1<<rnd.IntN(16)))
			copy(payload, fmt.Sprintf("%08d", serial))
			f := frame{packet.Header{Stream: uint32(serial)}, payload}
			if class == packet.Bulk {
				n, _, err := c.AppendData(f.Stream, payload, false, nil)
				require.NoError(t, err)
				require.True(t, n == len(payload) || n >= leastCut, "cut to %d of %d", n, len(payload))
				f.payload = payload[:n]
			} else {
				_, err := c.Append(class, packet.Header{Type: packet.TypeMessage, Stream: f.Stream}, payload, nil, nil, nil)
				require.NoError(t, err)
			}
			queued[class] = append(queued[class], name(f))
		case 3, 4:
			for _, f := range compose(t, c) {
				composed = append(composed, name(f))
			}
			for _, p := range c.out.pieces {
				segs[p.seg] = true
			}
			settleBatch(c)
		default:
			c.mu.Lock()
			pos := c.flow.acked + rnd.Uint64N(c.pos-c.flow.acked+1)
			require.NoError(t, c.acknowledged(at(0), pos))
			c.mu.Unlock()
		}
		require.LessOrEqual(t, c.flow.inFlight(), capLeast+packet.HeaderLen+packet.MaxPayload)
	}
	for c.control.bytes()+c.messages.bytes()+c.bulk.bytes() > 0 {
		for _, f := range compose(t, c) {
			composed = append(composed, name(f))
		}
		settleBatch(c)
		c.mu.Lock()
		require.NoError(t, c.acknowledged(at(0), c.pos))
		c.mu.Unlock()
	}
	c.mu.Lock()
	require.NoError(t, c.acknowledged(at(0), c.pos))
	c.mu.Unlock()
	// Each class keeps its order, nothing is lost, nothing comes twice.
	next := [3]int{}
	for _, f := range composed {
		found := false
		for class := range queued {
			if next[class] < len(queued[class]) && queued[class][next[class]] == f {
				next[class]++
				found = true
				break
			}
		}
		require.True(t, found, "%s is out of order", f)
	}
	require.Len(t, composed, serial)
	require.Empty(t, c.ring.kept[c.ring.first:])
	for _, q := range []*queue{&c.control, &c.messages, &c.bulk} {
		q.idle()
		require.Nil(t, q.head)
	}
	for s := range segs {
		require.Zero(t, s.refs, "a segment did not go back")
	}
}
