package conn

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
)

const (
	defaultHandshakeTimeout = 10 * time.Second

	// answerTimeout is how long a peer may take to take the server's answer.
	answerTimeout = 10 * time.Second

	// readStep is by how much the buffer of a handshake packet grows: with
	// the bytes that arrive, not with the length that is announced.
	readStep = 4 << 10
)

// Client does the client's part of the handshake on nc, asking for wantedID if
// that is not 0, and returns the connection, which Start brings to life. It
// takes at most cfg.HandshakeTimeout. On an error nc is closed: a
// *geminio.RemoteError with the server's text or geminio.ErrClientIDInUse when
// it refused, geminio.ErrProtocolVersion when it does not speak protocol 2,
// os.ErrDeadlineExceeded within when it did not answer in time.
func Client(nc net.Conn, cfg Config, wantedID uint64, meta []byte) (*Conn, error) {
	cfg = cfg.withDefaults()
	c, err := clientHandshake(nc, cfg, wantedID, meta)
	if err != nil {
		nc.Close()
		return nil, err
	}
	return c, nil
}

func clientHandshake(nc net.Conn, cfg Config, wantedID uint64, meta []byte) (*Conn, error) {
	if err := nc.SetDeadline(time.Now().Add(cfg.HandshakeTimeout)); err != nil {
		return nil, err
	}
	hello := cfg.hello(packet.RoleClient)
	hello.Max, hello.Min = packet.ProtocolVersion, packet.ProtocolVersion
	if _, err := rand.Read(hello.Nonce[:]); err != nil {
		return nil, err
	}
	first := packet.ConnPacket{
		PacketID: cfg.PacketFactory.NewPacketID(),
		ClientID: wantedID,
		Meta:     meta,
		Hello:    packet.AppendHello(nil, hello),
	}
	wire := first.AppendTo(nil)
	if len(wire)-packet.ClassicHeaderLen > packet.MaxHandshake {
		return nil, packet.ErrPacketTooLarge
	}
	if _, err := nc.Write(wire); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	header, body, err := readPacket(nc, packet.ClassicConnAck)
	if err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	answer, err := packet.ParseConnAck(header, body)
	if err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	peer, spoken := packet.ParseHello(answer.Hello, packet.RoleServer)
	spoken = spoken && peer.Nonce == hello.Nonce
	switch {
	case answer.PacketID != first.PacketID:
		return nil, protocolError("the answer is to another packet")
	case answer.Error != "" && spoken:
		return nil, refusal(peer.RefusalCode, answer.Error)
	case answer.Error != "":
		return nil, refusal(packet.CodeRefused, answer.Error)
	case !spoken || peer.Max != packet.ProtocolVersion:
		return nil, geminio.ErrProtocolVersion
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	return newConn(nc, cfg, true, answer.ClientID, meta, peer), nil
}

// An Incoming is a connection whose client has said what it wants and waits
// for the answer: Confirm or Refuse, called once.
type Incoming struct {
	ClientID uint64 // the id it asks for; 0: any
	Meta     []byte

	nc       net.Conn
	cfg      Config
	packetID uint64
	peer     packet.Hello
}

// Accept reads what a client says first. It takes at most
// cfg.HandshakeTimeout, whatever the client sends. On an error nc is closed. A
// client that does not speak protocol 2 is told so in its own protocol.
func Accept(nc net.Conn, cfg Config) (*Incoming, error) {
	cfg = cfg.withDefaults()
	in, err := accept(nc, cfg)
	if err != nil {
		nc.Close()
		return nil, err
	}
	return in, nil
}

func accept(nc net.Conn, cfg Config) (*Incoming, error) {
	deadline := time.Now().Add(cfg.HandshakeTimeout)
	if err := nc.SetDeadline(deadline); err != nil {
		return nil, err
	}
	header, body, err := readPacket(nc, packet.ClassicConn)
	if err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	first, err := packet.ParseConn(header, body)
	if err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	in := &Incoming{ClientID: first.ClientID, Meta: first.Meta, nc: nc, cfg: cfg, packetID: first.PacketID}
	peer, ok := packet.ParseHello(first.Hello, packet.RoleClient)
	if !ok || peer.Min > packet.ProtocolVersion || peer.Max < packet.ProtocolVersion {
		in.refuse(geminio.ErrProtocolVersion, deadline)
		return nil, geminio.ErrProtocolVersion
	}
	in.peer = peer
	return in, nil
}

// Confirm tells the client that it is connected under id, and returns the
// connection, which Start brings to life. On an error the connection is closed.
func (in *Incoming) Confirm(id uint64) (*Conn, error) {
	hello := in.cfg.hello(packet.RoleServer)
	hello.Max, hello.Nonce = packet.ProtocolVersion, in.peer.Nonce
	if beat := time.Duration(in.peer.HeartbeatMS) * time.Millisecond; beat > 0 {
		in.cfg.Heartbeat = max(min(in.cfg.Heartbeat, beat), leastHeartbeat)
		hello.HeartbeatMS = uint32(in.cfg.Heartbeat / time.Millisecond)
	}
	answer := packet.ConnAckPacket{PacketID: in.packetID, ClientID: id, Hello: packet.AppendHello(nil, hello)}
	if err := in.answer(answer.AppendTo(nil), time.Now().Add(answerTimeout)); err != nil {
		in.nc.Close()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	return newConn(in.nc, in.cfg, false, id, in.Meta, in.peer), nil
}

// Refuse tells the client the text of cause, and closes the connection.
func (in *Incoming) Refuse(cause error) { in.refuse(cause, time.Now().Add(answerTimeout)) }

func (in *Incoming) refuse(cause error, deadline time.Time) {
	text := cause.Error()
	if text == "" {
		text = "refused" // without a text it would be a success
	}
	answer := packet.ConnAckPacket{PacketID: in.packetID, Ret: 1, Error: text}
	if in.peer.Role != 0 {
		hello := packet.Hello{Role: packet.RoleServer, Max: packet.ProtocolVersion, Nonce: in.peer.Nonce, RefusalCode: packet.CodeRefused}
		if errors.Is(cause, geminio.ErrClientIDInUse) {
			hello.RefusalCode = packet.CodeIDInUse
		}
		answer.Hello = packet.AppendHello(nil, hello)
	}
	wire := packet.AppendClassicHeader(answer.AppendTo(nil), packet.ClassicHeader{
		Type: packet.ClassicDisConn, PacketID: in.cfg.PacketFactory.NewPacketID(),
	})
	_ = in.answer(wire, deadline) // it is refused, whether it hears so or not
	in.nc.Close()
}

func (in *Incoming) answer(wire []byte, deadline time.Time) error {
	if err := in.nc.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := in.nc.Write(wire); err != nil {
		return err
	}
	return in.nc.SetDeadline(time.Time{})
}

// readPacket reads one handshake packet of the wanted type. It judges the
// first two bytes before it waits for more, the length before it waits for the
// body, and reads nothing beyond the packet.
func readPacket(r io.Reader, want packet.ClassicType) (packet.ClassicHeader, []byte, error) {
	var raw [packet.ClassicHeaderLen]byte
	for at := 0; at < len(raw); {
		n, err := r.Read(raw[at:])
		at += n
		if err := packet.CheckPrefix(raw[:min(at, 2)], want); err != nil {
			return packet.ClassicHeader{}, nil, err
		}
		if err != nil && at < len(raw) {
			return packet.ClassicHeader{}, nil, err
		}
	}
	h := packet.ParseClassicHeader(raw[:])
	if err := h.Check(want); err != nil {
		return h, nil, err
	}
	var body []byte
	for left := int(h.Length); left > 0; {
		n := min(left, max(readStep, len(body)))
		start := len(body)
		body = append(body, make([]byte, n)...)
		if _, err := io.ReadFull(r, body[start:]); err != nil {
			return h, nil, err
		}
		left -= n
	}
	return h, body, nil
}
