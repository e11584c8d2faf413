package conn

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"fmt"
	"net"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
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
	g, err := greet(nc, cfg, wantedID, meta, nil)
	if err != nil {
		return nil, err
	}
	if g.refused != nil {
		return nil, g.refused
	}
	return g.conn()
}

// A proposal is how a client would like to go on with a session.
type proposal struct {
	*ticket
	resume    packet.Resume
	elsewhere bool // another process may open a new session
}

// A greeting is what both sides said in the handshake, on the client.
type greeting struct {
	nc       net.Conn
	cfg      Config
	meta     []byte
	clientID uint64 // the one given
	own      packet.Hello
	peer     *packet.Hello // not nil; empty where the answer said nothing
	refused  error

	first, answer []byte // both packets, to the byte
	key           *ecdh.PrivateKey
	exporter      []byte
}

// greet says what a client says first and reads the answer, within the time
// for it. A refusal is no error.
func greet(nc net.Conn, cfg Config, wantedID uint64, meta []byte, p *proposal) (*greeting, error) {
	deadline := time.Now().Add(cfg.HandshakeTimeout)
	if err := nc.SetDeadline(deadline); err != nil {
		return nil, err
	}
	g := &greeting{nc: nc, cfg: cfg, meta: meta, own: cfg.hello(packet.RoleClient), peer: new(packet.Hello)}
	g.own.Max, g.own.Min = packet.ProtocolVersion, packet.ProtocolVersion
	if _, err := rand.Read(g.own.Nonce[:]); err != nil {
		return nil, err
	}
	if err := g.askSession(deadline, p); err != nil {
		return nil, err
	}
	first := packet.ConnPacket{
		PacketID: cfg.PacketFactory.NewPacketID(),
		ClientID: wantedID,
		Meta:     meta,
		Hello:    packet.AppendHello(nil, g.own),
	}
	g.first = first.AppendTo(nil)
	if len(g.first)-packet.ClassicHeaderLen > packet.MaxHandshake {
		return nil, packet.ErrPacketTooLarge
	}
	if p != nil {
		covered, _, _ := packet.SplitProof(g.first)
		packet.SetProof(g.first, p.secret.proveClient(covered, p.exporterFor(g.exporter)))
	}
	if _, err := nc.Write(g.first); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	if err := g.readAnswer(first.PacketID); err != nil {
		return nil, err
	}
	return g, nil
}

// askSession adds to the hello what a session needs.
func (g *greeting) askSession(deadline time.Time, p *proposal) (err error) {
	if !g.cfg.Resume {
		return nil
	}
	if g.key, err = newKey(); err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	if g.exporter, err = exporter(ctx, g.nc); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	g.own.KeyShare = [32]byte(g.key.PublicKey().Bytes())
	if g.exporter != nil {
		g.own.SessionFlags |= packet.SessionBound
	}
	if p != nil && p.bound && g.exporter == nil {
		return errUnbound
	}
	if p != nil {
		g.own.Instance, g.own.SessionID = p.instance, p.id
		g.own.Resume, g.own.HasProof = p.resume, true
		if !p.elsewhere {
			g.own.SessionFlags |= packet.SessionHereOnly
		}
	}
	return nil
}

func (g *greeting) readAnswer(packetID uint64) error {
	header, raw, err := readPacket(g.nc, packet.ClassicConnAck)
	if err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	answer, err := packet.ParseConnAck(header, raw[packet.ClassicHeaderLen:])
	if err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	peer, spoken := packet.ParseHello(answer.Hello, packet.RoleServer)
	spoken = spoken && peer.Nonce == g.own.Nonce
	if spoken {
		g.peer = &peer
	}
	g.answer, g.clientID = raw, answer.ClientID
	switch {
	case answer.PacketID != packetID:
		return protocolError("the answer is to another packet")
	case answer.Error != "" && spoken:
		g.refused = refusal(peer.RefusalCode, answer.Error)
	case answer.Error != "":
		g.refused = refusal(packet.CodeRefused, answer.Error)
	case !spoken || peer.Max != packet.ProtocolVersion:
		return geminio.ErrProtocolVersion
	}
	return nil
}

// conn makes the connection that the answer opened.
func (g *greeting) conn() (*Conn, error) {
	t, err := g.ticket()
	if err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	if err := g.nc.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	c := newConn(g.nc, g.cfg, true, g.clientID, g.meta, g.peer)
	c.ticket = t
	return c, nil
}

// ticket makes what a resume will need, if the server granted a session.
func (g *greeting) ticket() (*ticket, error) {
	peer := g.peer
	if g.key == nil || peer.KeyShare == [32]byte{} || peer.SessionID == [16]byte{} || peer.GraceMS == 0 {
		return nil, nil
	}
	t := &ticket{
		id: peer.SessionID, instance: peer.Instance,
		grace: time.Duration(peer.GraceMS) * time.Millisecond,
		bound: peer.SessionFlags&g.own.SessionFlags&packet.SessionBound != 0,
	}
	var err error
	t.secret, err = agree(g.key, peer.KeyShare, t.exporterFor(g.exporter), g.first, g.answer)
	return t, err
}
