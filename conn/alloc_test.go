//go:build !race

package conn

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
)

func TestSendingAllocatesNothing(t *testing.T) {
	for _, retain := range []bool{false, true} {
		c := silent(retain)
		payload := make([]byte, 1000)
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			turn(c, packet.Messages, packet.TypeMessage, payload)
			turn(c, packet.Bulk, packet.TypeData, payload)
		}))
	}
}

func TestParsingAllocatesNothing(t *testing.T) {
	c := silent(false)
	c.handler = sink{}
	wire := encode(data(3, 100), data(3, 10000), body(50), plain(packet.TypeMessage, 3, 60), ack(0))
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if c.parse(wire[:70], nil) != nil || c.parse(wire[70:], nil) != nil {
			t.Error("it does not parse")
		}
	}))
}
