//go:build go1.25

package conn

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
)

// boundCouple is a couple over TLS.
func boundCouple(t *testing.T) *couple {
	p := &couple{t: t, serverConfig: Config{Grace: time.Minute, Instance: testInstance}}
	near, far := tlsPair(t, 0)
	p.inClient, p.inServer = near, far
	done := make(chan struct{})
	go func() {
		defer close(done)
		if in, err := Accept(far, p.serverConfig); err == nil {
			p.server, _ = in.Confirm(7)
		}
	}()
	c, err := Client(near, Config{Resume: true}, 0, []byte("meta"))
	require.NoError(t, err)
	<-done
	require.NotNil(t, p.server)
	p.client = c
	require.True(t, p.client.ticket.bound)
	require.True(t, p.server.ticket.bound)
	p.hc, p.hs = newRecorder(p.client), newRecorder(p.server)
	p.client.Start(p.hc)
	p.server.Start(p.hs)
	append1(t, p.server, packet.Messages, 3, 100)
	p.hc.received(t, 1)
	synctest.Wait()
	return p
}

func TestASessionOverTLSGoesOnOnlyOverItsOwnersTLS(t *testing.T) { // W63, W66
	synctest.Test(t, func(t *testing.T) {
		p := boundCouple(t)
		key := p.client.ticket.secret
		before := p.server.snap()
		// Somebody between them has a TLS connection with each.
		toHim, his := tlsPair(t, 0)
		seen, _ := exporters(t, toHim, his)
		relayed := firstPacket(p.honest(), key, seen)
		near, far := tlsPair(t, 0)
		o := p.attackOver(near, far, relayed, p.server, nil)
		require.Equal(t, packet.VerdictUnknown, o.hello.Verdict.Code)
		require.Zero(t, o.allowed)

		first, err := exporter(t.Context(), p.inClient)
		require.NoError(t, err)
		for _, exported := range [][]byte{nil, seen, first} {
			o = p.attack(firstPacket(p.honest(), key, exported), p.server, nil)
			require.Equal(t, packet.VerdictUnknown, o.hello.Verdict.Code, "without TLS")
			h := p.honest()
			h.SessionFlags = packet.SessionBound
			o = p.attack(firstPacket(h, key, exported), p.server, nil)
			require.Equal(t, packet.VerdictUnknown, o.hello.Verdict.Code, "without TLS, though it says so")
		}
		near, far = tlsPair(t, 0)
		o = p.attackOver(near, far, firstPacket(p.honest(), key, nil), p.server, nil)
		require.Equal(t, packet.VerdictUnknown, o.hello.Verdict.Code, "with nothing of the connection in the proof")
		synctest.Wait()
		require.Equal(t, before, p.server.snap())
		p.goesOn(1)

		near, far = tlsPair(t, 0)
		own, _ := exporters(t, near, far)
		h := p.honest()
		h.SessionFlags = packet.SessionBound
		o = p.attackOver(near, far, firstPacket(h, key, own), p.server, nil)
		require.True(t, o.resumed, "its owner's")
		p.end()
	})
}
