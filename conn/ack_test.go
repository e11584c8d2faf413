package conn

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
)

func TestWhenProgressIsTold(t *testing.T) {
	for _, tt := range []struct {
		name     string
		progress uint64
		empty    bool
		now      bool
	}{
		{"64 KiB", ackEvery, false, true},
		{"less than 64 KiB, more to be read", ackEvery - 1, false, false},
		{"16 KiB, the socket is empty", ackIdle, true, true},
		{"16 KiB, more to be read", ackIdle, false, false},
		{"less than 16 KiB", ackIdle - 1, true, false},
		{"nothing", 0, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := parsing(t)
			c.in.pos, c.ackTold = 100000, 100000
			c.received.Store(100000)
			c.in.pos += tt.progress
			c.progress(tt.empty)
			require.Equal(t, tt.now, c.ackDue)
			require.Equal(t, tt.progress > 0 && !tt.now, c.ackArmed, "else within 200 ms")
			if c.ackTimer != nil {
				c.ackTimer.Stop()
			}
		})
	}
}

func TestAnAckIsNeverSentWithoutProgress(t *testing.T) {
	c := silent(false)
	c.received.Store(5000)
	c.ackDue = true
	compose(t, c)
	fs := framesIn(t, c.out.uncounted[len(packet.Preface):])
	require.Len(t, fs, 1)
	got, err := packet.ParseAck(fs[0].payload)
	require.NoError(t, err)
	require.EqualValues(t, 5000, got.Position)
	c.ackDue = true
	compose(t, c)
	require.Empty(t, c.out.uncounted)
}
