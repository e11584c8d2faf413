package conn

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
)

// An Incoming is a connection whose client has said what it wants and waits
// for the answer: Confirm or Refuse, called once.
type Incoming struct {
	ClientID uint64 // the id it asks for; 0: any
	Meta     []byte

	nc       net.Conn
	cfg      Config
	packetID uint64
	peer     packet.Hello
	first    []byte // the packet, to the byte
	exporter []byte
	verdict  packet.Verdict // on the session that it wanted to go on with
}

// Peer returns what the client said.
func (in *Incoming) Peer() packet.Hello { return in.peer }

// TLS returns the state of the TLS connection that this is, nil if it is none.
func (in *Incoming) TLS() *tls.ConnectionState {
	t, ok := in.nc.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return nil
	}
	state := t.ConnectionState()
	return &state
}

// Offer lets f change what the client will be allowed.
func (in *Incoming) Offer(f func(*packet.Hello)) { f(&in.cfg.Offer) }

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
	header, raw, err := readPacket(nc, packet.ClassicConn)
	if err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	first, err := packet.ParseConn(header, raw[packet.ClassicHeaderLen:])
	if err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	in := &Incoming{ClientID: first.ClientID, Meta: first.Meta, nc: nc, cfg: cfg, packetID: first.PacketID, first: raw}
	peer, ok := packet.ParseHello(first.Hello, packet.RoleClient)
	if !ok || peer.Min > packet.ProtocolVersion || peer.Max < packet.ProtocolVersion {
		in.refuse(geminio.ErrProtocolVersion, deadline)
		return nil, geminio.ErrProtocolVersion
	}
	in.peer = peer
	if in.sessions() {
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		defer cancel()
		if in.exporter, err = exporter(ctx, nc); err != nil {
			return nil, fmt.Errorf("handshake: %w", err)
		}
	}
	return in, nil
}

// sessions tells whether both sides want a session that survives.
func (in *Incoming) sessions() bool {
	return in.cfg.Grace > 0 && in.peer.KeyShare != [32]byte{}
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
	hello.Verdict = in.verdict
	t, key, err := in.grant(&hello)
	if err != nil {
		in.nc.Close()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	answer := packet.ConnAckPacket{PacketID: in.packetID, ClientID: id, Hello: packet.AppendHello(nil, hello)}
	wire := answer.AppendTo(nil)
	if t != nil {
		t.secret, err = agree(key, in.peer.KeyShare, t.exporterFor(in.exporter), in.first, wire)
	}
	if err == nil {
		err = in.answer(wire, time.Now().Add(answerTimeout))
	}
	if err != nil {
		in.nc.Close()
		return nil, fmt.Errorf("handshake: %w", err)
	}
	peer := in.peer
	c := newConn(in.nc, in.cfg, false, id, in.Meta, &peer)
	c.ticket = t
	return c, nil
}

// grant adds to the answer what a session needs, if there is to be one. Its
// secret depends on the whole answer.
func (in *Incoming) grant(hello *packet.Hello) (*ticket, *ecdh.PrivateKey, error) {
	hello.Instance = in.cfg.Instance
	if !in.sessions() {
		return nil, nil, nil
	}
	t := &ticket{
		instance: in.cfg.Instance,
		grace:    in.cfg.Grace,
		bound:    in.exporter != nil && in.peer.SessionFlags&packet.SessionBound != 0,
	}
	if _, err := rand.Read(t.id[:]); err != nil {
		return nil, nil, err
	}
	key, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	hello.KeyShare, hello.SessionID = [32]byte(key.PublicKey().Bytes()), t.id
	hello.GraceMS = uint32(max(1, t.grace.Milliseconds()))
	if t.bound {
		hello.SessionFlags = packet.SessionBound
	}
	return t, key, nil
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
		hello.Instance, hello.Verdict = in.cfg.Instance, in.verdict
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
