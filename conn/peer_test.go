package conn

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/memnet"
)

// A peer plays the other side of a connection, frame by frame.
type peer struct {
	t  testing.TB
	nc net.Conn

	greeted  bool   // our preface is out
	welcomed bool   // theirs came in
	sent     uint64 // counted bytes sent
	got      uint64 // counted bytes received
}

// start brings a connection over nc to life, as if the handshake was done.
func start(nc net.Conn, cfg Config, client bool) (*Conn, *recorder) {
	c := newConn(nc, cfg.withDefaults(), client, 7, []byte("meta"), &packet.Hello{})
	h := newRecorder(c)
	c.Start(h)
	return c, h
}

// idle returns a connection that was not started.
func idle(t testing.TB) *Conn {
	nc, _ := net.Pipe()
	t.Cleanup(func() { nc.Close() })
	return newConn(nc, Config{}.withDefaults(), false, 7, nil, &packet.Hello{})
}

// withPeer returns a connection over memory with a peer that plays its other
// side. At the end of the test the peer hangs up.
func withPeer(t testing.TB, cfg Config, client bool) (*Conn, *recorder, *peer) {
	t.Helper()
	a, b := memnet.Pipe()
	c, h := start(a, cfg, client)
	p := &peer{t: t, nc: b}
	t.Cleanup(func() {
		b.Close()
		h.ended(t)
	})
	return c, h, p
}

// tcpPair returns both ends of a connection over the loopback.
func tcpPair(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	x, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	y, err := ln.Accept()
	require.NoError(t, err)
	return x.(*net.TCPConn), y.(*net.TCPConn)
}

// bytesOf returns what the peer has to send to say fs next.
func (p *peer) bytesOf(fs ...frame) []byte {
	var b []byte
	if !p.greeted {
		p.greeted = true
		b = append(b, packet.Preface...)
	}
	for _, f := range fs {
		if f.Type.Counted() {
			p.sent += uint64(packet.HeaderLen + len(f.payload))
		}
	}
	return append(b, encode(fs...)...)
}

func (p *peer) send(fs ...frame) {
	p.t.Helper()
	_, err := p.nc.Write(p.bytesOf(fs...))
	require.NoError(p.t, err)
}

func (p *peer) ping(kind packet.PingKind, opaque uint64) frame {
	return frame{packet.Header{Type: packet.TypePing},
		packet.AppendPing(nil, packet.Ping{Kind: kind, Opaque: opaque, Position: p.sent})}
}

func pong(ping packet.Ping, pos uint64) frame {
	ping.Position = pos
	return frame{packet.Header{Type: packet.TypePong}, packet.AppendPong(nil, packet.Pong(ping))}
}

func ack(pos uint64) frame {
	return frame{packet.Header{Type: packet.TypeAck}, packet.AppendAck(nil, packet.Ack{Position: pos})}
}

func data(stream uint32, n int) frame {
	payload := make([]byte, n)
	for i := range payload {
		payload[i] = byte(i*7 + n)
	}
	return frame{packet.Header{Type: packet.TypeData, Stream: stream}, payload}
}

func plain(t packet.Type, stream uint32, n int) frame {
	return frame{packet.Header{Type: t, Stream: stream}, make([]byte, n)}
}

func closeFrame(code packet.Code, text string) frame {
	return frame{packet.Header{Type: packet.TypeClose}, packet.AppendClose(nil, code, text)}
}

var closedFrame = frame{Header: packet.Header{Type: packet.TypeClosed}}

// read reads one frame, the preface before the first.
func (p *peer) read() (frame, error) {
	if !p.welcomed {
		preface := make([]byte, len(packet.Preface))
		if _, err := io.ReadFull(p.nc, preface); err != nil {
			return frame{}, err
		}
		require.Equal(p.t, packet.Preface, string(preface))
		p.welcomed = true
	}
	var head [packet.HeaderLen]byte
	if _, err := io.ReadFull(p.nc, head[:]); err != nil {
		return frame{}, err
	}
	h := packet.ParseHeader(head[:])
	require.NoError(p.t, h.Check())
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(p.nc, payload); err != nil {
		return frame{}, err
	}
	if h.Type.Counted() {
		p.got += uint64(packet.HeaderLen + h.Length)
	}
	if h.Type == packet.TypePing {
		ping, err := packet.ParsePing(payload)
		require.NoError(p.t, err)
		require.Equal(p.t, p.got, ping.Position, "PING tells another position than its own")
	}
	return frame{h, payload}, nil
}

// next returns the next frame.
func (p *peer) next() frame {
	p.t.Helper()
	require.NoError(p.t, p.nc.SetReadDeadline(time.Now().Add(soon)))
	f, err := p.read()
	require.NoError(p.t, err)
	return f
}

// want returns the next frame that is not PING, PONG or ACK, which must be of
// type typ.
func (p *peer) want(typ packet.Type) frame {
	p.t.Helper()
	for {
		if f := p.next(); f.Type.Counted() {
			require.Equal(p.t, typ.String(), f.Type.String())
			return f
		}
	}
}

// silent checks that no frame comes within d, PINGs apart.
func (p *peer) silent(d time.Duration) {
	p.t.Helper()
	require.NoError(p.t, p.nc.SetReadDeadline(time.Now().Add(d)))
	f, err := p.read()
	require.Error(p.t, err, "%v", f)
}

// rest reads until the other side hangs up and returns the counted frames.
func (p *peer) rest() []frame {
	p.t.Helper()
	require.NoError(p.t, p.nc.SetReadDeadline(time.Now().Add(soon)))
	var fs []frame
	for {
		f, err := p.read()
		if err != nil {
			require.ErrorIs(p.t, err, io.EOF)
			return fs
		}
		if f.Type.Counted() {
			fs = append(fs, f)
		}
	}
}
