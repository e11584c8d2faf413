//go:build go1.25

package conn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/memnet"
)

// A fixedID gives every packet the same id, so that answers can be compared.
type fixedID struct{}

func (fixedID) NewPacketID() uint64 { return 5 }

// living returns a couple whose server has sent frames that are acknowledged in
// part: positions 0 to acked, acked to pos.
func living(t *testing.T) *couple {
	p := newCouple(t, time.Minute)
	p.serverConfig.PacketFactory = fixedID{}
	append1(t, p.server, packet.Messages, 3, 100)
	p.hc.received(t, 1)
	time.Sleep(2 * ackLatest)
	for range 3 {
		append1(t, p.server, packet.Messages, 3, 1000)
	}
	p.hc.received(t, 4)
	synctest.Wait()
	at := p.server.snap()
	require.Less(t, at.acked, at.pos-2000)
	require.NotZero(t, at.acked)
	return p
}

// honest is what the client would say now to go on.
func (p *couple) honest() packet.Hello {
	h := p.client.greets.hello(packet.RoleClient)
	key, err := newKey()
	require.NoError(p.t, err)
	h.Max, h.Min, h.Nonce = packet.ProtocolVersion, packet.ProtocolVersion, [16]byte{1, 2, 3}
	h.KeyShare = share(key)
	h.Instance, h.SessionID = p.client.ticket.instance, p.client.ticket.id
	h.Resume, h.HasProof = packet.Resume{Epoch: p.server.snap().epoch + 1, Position: p.client.received.Load()}, true
	return h
}

// firstPacket returns a client's first packet that proves with s.
func firstPacket(h packet.Hello, s *secret, exporter []byte) []byte {
	wire := packet.ConnPacket{PacketID: 77, Meta: []byte("meta"), Hello: packet.AppendHello(nil, h)}.AppendTo(nil)
	if covered, _, ok := packet.SplitProof(wire); ok {
		packet.SetProof(wire, s.proveClient(covered, exporter))
	}
	return wire
}

// An outcome is what an attack has come to.
type outcome struct {
	asked   bool // whether the client proves something
	allowed int  // how often allow was called
	resumed bool
	err     error // of the server
	wire    []byte
	answer  packet.ConnAckPacket
	hello   packet.Hello
}

// attack says first to the server over a transport of its own, and nothing
// after it.
func (p *couple) attack(first []byte, old *Conn, forbid error) outcome {
	near, far := memnet.Pipe()
	return p.attackOver(near, far, first, old, forbid)
}

func (p *couple) attackOver(near, far net.Conn, first []byte, old *Conn, forbid error) (o outcome) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		in, err := Accept(far, p.serverConfig)
		if o.err = err; err != nil {
			return
		}
		if _, o.asked = in.Resumes(); o.asked {
			o.resumed, o.err = in.Resume(old, func() error { o.allowed++; return forbid })
		}
		if !o.resumed && o.err == nil {
			_, o.err = in.Confirm(8)
		}
	}()
	_, err := near.Write(first)
	require.NoError(p.t, err)
	if half, ok := near.(*memnet.Conn); ok {
		require.NoError(p.t, half.CloseWrite())
	}
	if header, wire, err := readPacket(near, packet.ClassicConnAck); err == nil {
		o.wire = wire
		o.answer, err = packet.ParseConnAck(header, wire[packet.ClassicHeaderLen:])
		require.NoError(p.t, err)
		o.hello, _ = packet.ParseHello(o.answer.Hello, packet.RoleServer)
	}
	<-done
	near.Close()
	far.Close()
	return o
}

// goesOn checks that the transport which carries the session is undisturbed.
func (p *couple) goesOn(n int) {
	p.t.Helper()
	for range n {
		before := len(p.hc.received(p.t, 0))
		append1(p.t, p.server, packet.Messages, 3, 1000)
		p.hc.received(p.t, before+1)
		before = len(p.hs.received(p.t, 0))
		append1(p.t, p.client, packet.Messages, 3, 50)
		p.hs.received(p.t, before+1)
	}
	require.Zero(p.t, p.server.Stats().Resumes)
	require.False(p.t, p.client.Detached())
	require.False(p.t, p.server.Detached())
}

func TestResumesThatAreRefusedChangeNothing(t *testing.T) { // W66 to W69, I6
	other := (&keys{client: [32]byte{1}, server: [32]byte{2}}).hidden()
	for name, tt := range map[string]struct {
		change  func(p *couple, h *packet.Hello)
		key     func(p *couple) *secret // nil: the right one
		forbid  error
		verdict packet.VerdictCode
	}{
		"another key":   {key: func(*couple) *secret { return other }, verdict: packet.VerdictUnknown},
		"nobody's key":  {key: func(*couple) *secret { return dummy }, verdict: packet.VerdictUnknown},
		"the other key": {key: func(p *couple) *secret { return (&keys{client: p.client.ticket.secret.keys().server}).hidden() }, verdict: packet.VerdictUnknown},
		"an epoch that was": {
			change: func(p *couple, h *packet.Hello) { h.Resume.Epoch = p.server.snap().epoch }, verdict: packet.VerdictStale,
		},
		"epoch 0":          {change: func(_ *couple, h *packet.Hello) { h.Resume.Epoch = 0 }, verdict: packet.VerdictStale},
		"another identity": {forbid: errors.New("another"), verdict: packet.VerdictRefused},
		"one byte too few": {
			change: func(p *couple, h *packet.Hello) { h.Resume.Position = p.server.snap().pos - 1 }, verdict: packet.VerdictRefused,
		},
		"one byte too many": {
			change: func(p *couple, h *packet.Hello) { h.Resume.Position = p.server.snap().pos + 1 }, verdict: packet.VerdictRefused,
		},
		"less than was acknowledged": {
			change: func(p *couple, h *packet.Hello) { h.Resume.Position = p.server.snap().acked - 1 }, verdict: packet.VerdictRefused,
		},
		"less than was acknowledged by a frame": {
			change: func(p *couple, h *packet.Hello) { h.Resume.Position = p.server.snap().acked - packet.HeaderLen - 100 }, verdict: packet.VerdictRefused,
		},
		"a place in a frame": {
			change: func(p *couple, h *packet.Hello) { h.Resume.Position = p.server.snap().acked + 500 }, verdict: packet.VerdictRefused,
		},
		"a place behind a header": {
			change: func(p *couple, h *packet.Hello) { h.Resume.Position = p.server.snap().acked + packet.HeaderLen }, verdict: packet.VerdictRefused,
		},
		"position 0":         {change: func(_ *couple, h *packet.Hello) { h.Resume.Position = 0 }, verdict: packet.VerdictRefused},
		"the last position":  {change: func(_ *couple, h *packet.Hello) { h.Resume.Position = 1<<64 - 1 }, verdict: packet.VerdictRefused},
		"the first negative": {change: func(_ *couple, h *packet.Hello) { h.Resume.Position = 1 << 63 }, verdict: packet.VerdictRefused},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := living(t)
				p.client.epoch, p.server.epoch = 3, 3 // three attempts were made
				h, key := p.honest(), p.client.ticket.secret
				if tt.change != nil {
					tt.change(p, &h)
				}
				if tt.key != nil {
					key = tt.key(p)
				}
				before := p.server.snap()
				o := p.attack(firstPacket(h, key, nil), p.server, tt.forbid)
				require.True(t, o.asked)
				require.False(t, o.resumed)
				require.Equal(t, tt.verdict, o.hello.Verdict.Code)
				require.False(t, o.hello.HasProof)
				require.Equal(t, tt.verdict != packet.VerdictUnknown, o.allowed == 1, "who proves nothing is not looked at")
				require.Equal(t, tt.verdict == packet.VerdictStale, o.answer.Error != "", "but a new session is opened")
				synctest.Wait()
				require.Equal(t, before, p.server.snap())
				p.goesOn(3)
				p.end()
			})
		})
	}
}

func TestAnHonestResumeIsServed(t *testing.T) { // what the table above differs from
	synctest.Test(t, func(t *testing.T) {
		p := living(t)
		o := p.attack(firstPacket(p.honest(), p.client.ticket.secret, nil), p.server, nil)
		require.NoError(t, o.err)
		require.True(t, o.resumed)
		require.Equal(t, 1, o.allowed)
		require.True(t, o.hello.HasProof)
		p.end()
	})
}

func TestAFirstPacketThatWasServedIsNotServedAgain(t *testing.T) { // W67
	synctest.Test(t, func(t *testing.T) {
		p := living(t)
		first := firstPacket(p.honest(), p.client.ticket.secret, nil)
		require.True(t, p.attack(first, p.server, nil).resumed)
		<-p.suspended
		p.client.epoch = p.server.snap().epoch
		p.resume()
		synctest.Wait()
		before := p.server.snap()
		o := p.attack(first, p.server, nil)
		require.Equal(t, packet.VerdictStale, o.hello.Verdict.Code)
		require.NotEmpty(t, o.answer.Error)
		synctest.Wait()
		require.Equal(t, before, p.server.snap())
		append1(t, p.server, packet.Messages, 3, 50)
		p.hc.received(t, 5)
		p.end()
	})
}

// Whatever bit of a first packet somebody changes, its proof is worth nothing.
func TestNoBitOfAFirstPacketMayChange(t *testing.T) { // W66
	synctest.Test(t, func(t *testing.T) {
		p := living(t)
		first := firstPacket(p.honest(), p.client.ticket.secret, nil)
		before := p.server.snap()
		for i := range first {
			if i >= 10 && i < 14 {
				continue // the length: nothing follows, or nothing is complete
			}
			for bit := range 8 {
				changed := bytes.Clone(first)
				changed[i] ^= 1 << bit
				o := p.attack(changed, p.server, nil)
				require.False(t, o.resumed, "byte %d, bit %d", i, bit)
				require.Zero(t, o.allowed, "byte %d, bit %d", i, bit)
			}
		}
		synctest.Wait()
		require.Equal(t, before, p.server.snap())
		p.goesOn(3)
		p.end()
	})
}

func TestAFirstPacketThatIsCutAnywhereChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := living(t)
		first := firstPacket(p.honest(), p.client.ticket.secret, nil)
		before := p.server.snap()
		for i := range first {
			o := p.attack(first[:i], p.server, nil)
			require.Error(t, o.err, "byte %d", i)
			require.False(t, o.asked, "byte %d", i)
		}
		synctest.Wait()
		require.Equal(t, before, p.server.snap())
		p.goesOn(3)
		p.end()
	})
}

// helloFields returns the fields of a hello, each with its head.
func helloFields(b []byte) (fixed []byte, fields [][]byte) {
	const head = 20
	fixed, b = b[:head:head], b[head:]
	for len(b) > 0 {
		n := 3 + int(binary.BigEndian.Uint16(b[1:]))
		fields = append(fields, b[:n:n])
		b = b[n:]
	}
	return fixed, fields
}

// Each field is cut by a byte, or made empty, once with a length that says so
// and once with the old one, and the packet is proved again.
func TestAHelloWithAFieldThatIsCutGoesOnWithNothing(t *testing.T) { // W8, W65
	synctest.Test(t, func(t *testing.T) {
		p := living(t)
		h := p.honest()
		fixed, fields := helloFields(packet.AppendHello(nil, h))
		require.Greater(t, len(fields), 5)
		before := p.server.snap()
		for i, field := range fields {
			for _, cut := range []int{1, len(field) - 3} {
				for _, honestly := range []bool{true, false} {
					if field[0] == 41 || cut == 0 {
						continue // the padding may have any length
					}
					short := bytes.Clone(field[:len(field)-cut])
					if honestly {
						binary.BigEndian.PutUint16(short[1:], uint16(len(short)-3))
					}
					all := bytes.Clone(fixed)
					for j, f := range fields {
						if j == i {
							f = short
						}
						all = append(all, f...)
					}
					wire := packet.ConnPacket{PacketID: 77, Hello: all}.AppendTo(nil)
					if covered, _, ok := packet.SplitProof(wire); ok {
						packet.SetProof(wire, p.client.ticket.secret.proveClient(covered, nil))
					}
					o := p.attack(wire, p.server, nil)
					require.False(t, o.resumed, "field %d", field[0])
					require.Zero(t, o.allowed, "field %d", field[0])
					require.Zero(t, o.hello.SessionID, "field %d", field[0])
				}
			}
		}
		synctest.Wait()
		require.Equal(t, before, p.server.snap())
		p.goesOn(3)
		p.end()
	})
}

func TestAnUnknownSessionIsAnsweredLikeAWrongProof(t *testing.T) { // W69
	synctest.Test(t, func(t *testing.T) {
		p := living(t)
		wrong := (&keys{}).hidden()
		for _, hereOnly := range []bool{false, true} {
			h := p.honest()
			if hereOnly {
				h.SessionFlags, h.Instance = packet.SessionHereOnly, [16]byte{9}
			}
			known := p.attack(firstPacket(h, wrong, nil), p.server, nil)
			h.SessionID = [16]byte{6, 6, 6}
			unknown := p.attack(firstPacket(h, wrong, nil), nil, nil)
			require.Equal(t, hereOnly, known.answer.Error != "")
			if hereOnly {
				require.Equal(t, known.wire, unknown.wire)
				require.ErrorIs(t, known.err, ErrUnknown)
				require.ErrorIs(t, unknown.err, ErrUnknown)
				continue
			}
			for _, o := range []*outcome{&known, &unknown} {
				require.NotZero(t, o.hello.SessionID, "a new session is opened")
				o.hello.SessionID, o.hello.KeyShare = [16]byte{}, [32]byte{} // they are random
				o.answer.Hello = nil
			}
			require.Equal(t, known.hello, unknown.hello)
			require.Equal(t, known.answer, unknown.answer)
			require.Len(t, known.wire, len(unknown.wire))
		}
		p.goesOn(1)
		p.end()
	})
}

// A session that is over, and one that is another client's, are unknown.
func TestAProofIsForOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, q := living(t), living(t)
		before := q.server.snap()
		o := p.attack(firstPacket(p.honest(), p.client.ticket.secret, nil), q.server, nil)
		require.Equal(t, packet.VerdictUnknown, o.hello.Verdict.Code)
		synctest.Wait()
		require.Equal(t, before, q.server.snap())
		q.goesOn(1)
		q.end()
		first := firstPacket(p.honest(), p.client.ticket.secret, nil)
		p.end()
		o = p.attack(first, p.server, nil)
		require.Equal(t, packet.VerdictUnknown, o.hello.Verdict.Code)
		require.False(t, o.resumed)
	})
}
