package harness

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
)

// A Raw is a client that shakes hands as it should and then sends whatever a
// test wants.
type Raw struct {
	net.Conn
	ClientID uint64
	Peer     packet.Hello // what the server allows

	tb       testing.TB
	prefaced bool // the server's preface was read
	sent     uint64
}

// RawHello is what a Raw allows its peer: much.
func RawHello() packet.Hello {
	return packet.Hello{
		Role: packet.RoleClient, Max: packet.ProtocolVersion, Min: packet.ProtocolVersion,
		Nonce:         [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
		MaxFrame:      packet.MaxPayload,
		StreamWindow:  256 << 10,
		MessageWindow: 1 << 20,
		OpenCredit:    packet.CreditOpen{Opens: 128, StreamWindow: 256 << 10, MessageWindow: 64 << 10},
		CallCredit:    packet.CreditCall{Requests: 4096, RequestBytes: 1 << 20, ResponseBytes: 1 << 20},
		HeartbeatMS:   20_000,
	}
}

// ConnPacket returns the first packet of a client that has that hello.
func ConnPacket(h packet.Hello) []byte {
	return packet.ConnPacket{PacketID: 7, Meta: []byte("raw"), Hello: packet.AppendHello(nil, h)}.AppendTo(nil)
}

// NewRaw shakes hands on nc, which is closed at the end of the test. The
// preface is sent.
func NewRaw(tb testing.TB, nc net.Conn) *Raw {
	tb.Helper()
	r, err := Shake(nc, RawHello())
	require.NoError(tb, err)
	r.tb = tb
	tb.Cleanup(func() { nc.Close() })
	return r
}

// DialRaw is NewRaw over TCP.
func DialRaw(tb testing.TB, address string) *Raw {
	tb.Helper()
	nc, err := net.Dial("tcp", address)
	require.NoError(tb, err)
	return NewRaw(tb, nc)
}

// Shake shakes hands on nc with the hello h and sends the preface. The methods
// of what it returns that need a test need NewRaw.
func Shake(nc net.Conn, h packet.Hello) (*Raw, error) {
	_ = nc.SetDeadline(time.Now().Add(Soon))
	if _, err := nc.Write(ConnPacket(h)); err != nil {
		return nil, err
	}
	head := make([]byte, packet.ClassicHeaderLen)
	if _, err := io.ReadFull(nc, head); err != nil {
		return nil, err
	}
	ch := packet.ParseClassicHeader(head)
	if err := ch.Check(packet.ClassicConnAck); err != nil {
		return nil, err
	}
	body := make([]byte, ch.Length)
	if _, err := io.ReadFull(nc, body); err != nil {
		return nil, err
	}
	ack, err := packet.ParseConnAck(ch, body)
	if err != nil {
		return nil, err
	}
	if ack.Error != "" {
		return nil, errors.New(ack.Error)
	}
	peer, ok := packet.ParseHello(ack.Hello, packet.RoleServer)
	if !ok {
		return nil, errors.New("the server has no hello")
	}
	if _, err := nc.Write([]byte(packet.Preface)); err != nil {
		return nil, err
	}
	_ = nc.SetDeadline(time.Time{})
	return &Raw{Conn: nc, ClientID: ack.ClientID, Peer: peer}, nil
}

// Frame returns one frame.
func Frame(t packet.Type, flags packet.Flags, stream uint32, payload []byte) []byte {
	f := packet.AppendHeader(nil, packet.Header{Type: t, Flags: flags, Length: len(payload), Stream: stream})
	return append(f, payload...)
}

// Send sends whole frames. That the peer has hung up is no failure.
func (r *Raw) Send(frames ...[]byte) {
	for _, f := range frames {
		if packet.ParseHeader(f).Type.Counted() {
			r.sent += uint64(len(f))
		}
	}
	_ = r.SetWriteDeadline(time.Now().Add(Soon))
	_, _ = r.Write(bytes.Join(frames, nil))
}

// Next returns the next frame. The server's preface comes with its first one.
func (r *Raw) Next() (packet.Header, []byte, error) {
	if !r.prefaced {
		preface := make([]byte, len(packet.Preface))
		if _, err := io.ReadFull(r, preface); err != nil {
			return packet.Header{}, nil, err
		}
		if !bytes.Equal(preface, []byte(packet.Preface)) {
			return packet.Header{}, nil, errors.New("no preface")
		}
		r.prefaced = true
	}
	head := make([]byte, packet.HeaderLen)
	if _, err := io.ReadFull(r, head); err != nil {
		return packet.Header{}, nil, err
	}
	h := packet.ParseHeader(head)
	payload := make([]byte, h.Length)
	_, err := io.ReadFull(r, payload)
	return h, payload, err
}

// Await returns the next frame of one type within Soon, and drops what stands
// before it.
func (r *Raw) Await(t packet.Type) (packet.Header, []byte) {
	r.tb.Helper()
	require.NoError(r.tb, r.SetReadDeadline(time.Now().Add(Soon)))
	for {
		h, payload, err := r.Next()
		require.NoError(r.tb, err, "waiting for %v", t)
		if h.Type == t {
			return h, payload
		}
	}
}

// Ended waits until the peer has hung up, at most d, and returns what it said
// in a CLOSE before, if anything. It tells whether the peer did.
func (r *Raw) Ended(d time.Duration) (said *packet.Close, ended bool) {
	_ = r.SetReadDeadline(time.Now().Add(d))
	for {
		h, payload, err := r.Next()
		if err != nil {
			var ne net.Error
			return said, !(errors.As(err, &ne) && ne.Timeout())
		}
		if h.Type == packet.TypeClose {
			if c, err := packet.ParseClose(payload); err == nil {
				said = &c
			}
		}
	}
}

// MustEnd fails the test when the peer does not hang up soon.
func (r *Raw) MustEnd(why string) {
	r.tb.Helper()
	_, ended := r.Ended(Soon)
	require.True(r.tb, ended, "the connection goes on after %s", why)
}

// Alive tells that the peer answers a PING within Soon.
func (r *Raw) Alive() bool {
	const opaque = 0xfeedbeef
	r.Send(Frame(packet.TypePing, 0, 0, packet.AppendPing(nil, packet.Ping{Kind: packet.PingProbe, Opaque: opaque, Position: r.sent})))
	_ = r.SetReadDeadline(time.Now().Add(Soon))
	for {
		h, payload, err := r.Next()
		if err != nil {
			return false
		}
		if h.Type == packet.TypePong && len(payload) == packet.PongLen &&
			binary.LittleEndian.Uint64(payload[1:]) == opaque {
			return true
		}
	}
}

// Drain reads and drops everything until the connection ends.
func (r *Raw) Drain() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, r.Conn)
	}()
	return done
}
