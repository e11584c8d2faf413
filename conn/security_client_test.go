//go:build go1.25

package conn

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/memnet"
)

// An impostor answers a client that wants to go on.
type impostor struct {
	change func(p *couple, h *packet.Hello)                // of the honest answer
	packet func(a *packet.ConnAckPacket)                   // the same, around the hello
	prove  func(p *couple, first, covered []byte) [32]byte // nil: as the server does
	wire   func(wire []byte) []byte                        // what he changes after the proof
}

// answer plays the impostor on nc, and returns what the client said after its
// first packet.
func (im impostor) answer(p *couple, nc net.Conn) []byte {
	header, first, err := readPacket(nc, packet.ClassicConn)
	require.NoError(p.t, err)
	asked, err := packet.ParseConn(header, first[packet.ClassicHeaderLen:])
	require.NoError(p.t, err)
	said, ok := packet.ParseHello(asked.Hello, packet.RoleClient)
	require.True(p.t, ok)
	require.True(p.t, said.HasProof)
	h := packet.Hello{
		Role: packet.RoleServer, Max: packet.ProtocolVersion, Nonce: said.Nonce,
		Instance: p.server.ticket.instance, SessionID: said.SessionID,
		Resume: packet.Resume{Epoch: said.Resume.Epoch, Position: p.server.received.Load()}, HasProof: true,
	}
	if im.change != nil {
		im.change(p, &h)
	}
	a := packet.ConnAckPacket{PacketID: asked.PacketID, ClientID: 7, Hello: packet.AppendHello(nil, h)}
	if im.packet != nil {
		im.packet(&a)
	}
	wire := a.AppendTo(nil)
	if covered, _, ok := packet.SplitProof(wire); ok {
		prove := im.prove
		if prove == nil {
			prove = func(p *couple, first, covered []byte) [32]byte {
				return p.server.ticket.secret.proveServer(first, covered, nil)
			}
		}
		packet.SetProof(wire, prove(p, first, covered))
	}
	if im.wire != nil {
		wire = im.wire(wire)
	}
	_, err = nc.Write(wire)
	require.NoError(p.t, err)
	heard, _ := io.ReadAll(nc)
	return heard
}

// detachedCouple is a couple whose client has no transport, and has sent
// frames that are acknowledged in part.
func detachedCouple(t *testing.T) *couple {
	p := newCouple(t, time.Hour)
	append1(t, p.client, packet.Messages, 3, 100)
	p.hs.received(t, 1)
	time.Sleep(2 * ackLatest)
	for range 3 {
		append1(t, p.client, packet.Messages, 3, 1000)
	}
	p.hs.received(t, 4)
	synctest.Wait()
	p.cut()
	synctest.Wait()
	require.NotZero(t, p.client.flow.acked)
	require.Less(t, p.client.flow.acked, p.client.pos-2000)
	return p
}

// meet has the client try to go on with the impostor.
func (im impostor) meet(p *couple) (heard []byte, err error) {
	near, far := memnet.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		heard = im.answer(p, far)
		far.Close()
	}()
	next, err := p.client.Resume(near, true)
	require.Nil(p.t, next)
	if err == nil { // he is believed: the test decides
		synctest.Wait()
		near.Close()
	}
	<-done
	return heard, err
}

func TestAServerThatDoesNotProveItselfGetsNothing(t *testing.T) { // W72
	wrong := (&keys{client: [32]byte{1}, server: [32]byte{2}}).hidden()
	for name, im := range map[string]impostor{
		"no proof and no session": {change: func(_ *couple, h *packet.Hello) { h.HasProof, h.Resume = false, packet.Resume{} },
			packet: func(a *packet.ConnAckPacket) { a.Ret, a.Error = 1, "no" }},
		"another key": {prove: func(_ *couple, first, covered []byte) [32]byte { return wrong.proveServer(first, covered, nil) }},
		"the client's key": {prove: func(p *couple, first, covered []byte) [32]byte {
			return p.server.ticket.secret.proveClient(covered, nil)
		}},
		"the client's own proof": {prove: func(_ *couple, first, _ []byte) [32]byte {
			_, proof, _ := packet.SplitProof(first)
			return proof
		}},
		"a proof of another first packet": {prove: func(p *couple, first, covered []byte) [32]byte {
			return p.server.ticket.secret.proveServer(first[1:], covered, nil)
		}},
		"a proof of nothing": {prove: func(p *couple, first, _ []byte) [32]byte {
			return p.server.ticket.secret.proveServer(first, nil, nil)
		}},
		"a proof with something of a TLS connection": {prove: func(p *couple, first, covered []byte) [32]byte {
			return p.server.ticket.secret.proveServer(first, covered, make([]byte, exporterLen))
		}},
		"zeros":                          {prove: func(*couple, []byte, []byte) [32]byte { return [32]byte{} }},
		"the epoch before":               {change: func(_ *couple, h *packet.Hello) { h.Resume.Epoch-- }},
		"the next epoch":                 {change: func(_ *couple, h *packet.Hello) { h.Resume.Epoch++ }},
		"another nonce":                  {change: func(_ *couple, h *packet.Hello) { h.Nonce[3]++ }},
		"another version":                {change: func(_ *couple, h *packet.Hello) { h.Max++ }},
		"the role of a client":           {change: func(_ *couple, h *packet.Hello) { h.Role = packet.RoleClient }},
		"another packet":                 {packet: func(a *packet.ConnAckPacket) { a.PacketID++ }},
		"an agreement that is a refusal": {packet: func(a *packet.ConnAckPacket) { a.Ret, a.Error = 1, "no" }},
		"something behind the proof": {wire: func(wire []byte) []byte {
			wire = append(wire[:len(wire)-1], ` }`...)
			wire[13]++
			return wire
		}},
		"hangs up": {wire: func([]byte) []byte { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := detachedCouple(t)
				if name == "no proof and no session" {
					p.client.ticket.instance = [16]byte{8} // its own server may end it
				}
				before := p.client.snap()
				heard, err := im.meet(p)
				require.Error(t, err)
				require.Empty(t, heard, "the client says nothing more")
				require.True(t, p.client.Detached())
				after := p.client.snap()
				require.Equal(t, before.epoch+1, after.epoch, "the attempt counts")
				after.epoch = before.epoch
				require.Equal(t, before, after)
				p.resume()
				append1(t, p.client, packet.Messages, 3, 100)
				require.Len(t, p.hs.received(t, 5), 5)
				p.end()
			})
		})
	}
}

func TestEveryBitOfAnAnswerIsProved(t *testing.T) { // W72
	synctest.Test(t, func(t *testing.T) {
		p := detachedCouple(t)
		before := p.client.snap()
		var length int
		impostor{wire: func(wire []byte) []byte { length = len(wire); return nil }}.meet(p)
		for i := range length {
			if i >= 10 && i < 14 {
				continue // the length
			}
			bit := i % 8
			heard, err := impostor{wire: func(wire []byte) []byte {
				wire[i] ^= 1 << bit
				return wire
			}}.meet(p)
			require.Error(t, err, "byte %d", i)
			require.Empty(t, heard, "byte %d", i)
			require.True(t, p.client.Detached(), "byte %d", i)
		}
		after := p.client.snap()
		after.epoch = before.epoch
		require.Equal(t, before, after)
		p.resume()
		p.end()
	})
}

// A server that has the key and says that it has received what was never sent,
// or sent otherwise, is broken: there is nothing to go on with.
func TestAnImpossiblePositionOfTheServerEndsTheSession(t *testing.T) { // W72
	for name, pos := range map[string]func(c *Conn) uint64{
		"beyond what was sent":      func(c *Conn) uint64 { return c.pos + 1 },
		"one byte too few":          func(c *Conn) uint64 { return c.pos - 1 },
		"a place in a frame":        func(c *Conn) uint64 { return c.flow.acked + 500 },
		"less than it acknowledged": func(c *Conn) uint64 { return c.flow.acked - 1 },
		"0":                         func(*Conn) uint64 { return 0 },
		"the last":                  func(*Conn) uint64 { return 1<<64 - 1 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := detachedCouple(t)
				heard, err := impostor{change: func(p *couple, h *packet.Hello) { h.Resume.Position = pos(p.client) }}.meet(p)
				var broken *ProtocolError
				require.ErrorAs(t, err, &broken)
				require.Empty(t, heard)
				require.ErrorIs(t, p.hc.ended(t), geminio.ErrSessionLost)
				p.end()
			})
		})
	}
}

func TestAnHonestAnswerIsTaken(t *testing.T) { // what the tables above differ from
	synctest.Test(t, func(t *testing.T) {
		p := detachedCouple(t)
		missing := int(p.client.pos - p.client.flow.acked)
		heard, err := impostor{change: func(p *couple, h *packet.Hello) { h.Resume.Position = p.client.flow.acked }}.meet(p)
		require.NoError(t, err)
		require.Contains(t, string(heard), packet.Preface)
		require.Greater(t, len(heard), missing)
		p.end()
	})
}
