//go:build go1.25

package conn

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
)

// A proof that is not the last thing of its packet does not cover it.
func TestAProofThatDoesNotCoverThePacketIsWorthNothing(t *testing.T) { // W65
	synctest.Test(t, func(t *testing.T) {
		p := living(t)
		first := firstPacket(p.honest(), p.client.ticket.secret, nil)
		before := p.server.snap()
		body := first[packet.ClassicHeaderLen : len(first)-1]
		for _, tail := range []string{`,"x":1}`, ` }`, "}\n", `,"meta":"bWV0YQ=="}`} {
			changed := append(bytes.Clone(first[:packet.ClassicHeaderLen]), body...)
			changed = append(changed, tail...)
			binary.BigEndian.PutUint32(changed[10:], uint32(len(changed)-packet.ClassicHeaderLen))
			o := p.attack(changed, p.server, nil)
			require.False(t, o.resumed, "%q", tail)
			require.Zero(t, o.allowed, "%q", tail)
		}
		// two hellos: the one that is proved is not the one that counts
		forged := p.honest()
		forged.Resume.Position = p.server.snap().acked
		text := `,"_g2":"` + base64.StdEncoding.EncodeToString(packet.AppendHello(nil, forged)) + `"}`
		changed := append(append(bytes.Clone(first[:packet.ClassicHeaderLen]), body...), text...)
		binary.BigEndian.PutUint32(changed[10:], uint32(len(changed)-packet.ClassicHeaderLen))
		o := p.attack(changed, p.server, nil)
		require.False(t, o.resumed)
		require.Zero(t, o.allowed)
		synctest.Wait()
		require.Equal(t, before, p.server.snap())
		p.goesOn(3)
		p.end()
	})
}
