package conn

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
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
	peer     packet.Hello
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
	g := &greeting{nc: nc, cfg: cfg, meta: meta, own: cfg.hello(packet.RoleClient)}
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
		g.peer = peer
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
	peer := &g.peer
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
	c := newConn(in.nc, in.cfg, false, id, in.Meta, in.peer)
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

// readPacket reads one handshake packet of the wanted type, and returns it
// whole. It judges the first two bytes before it waits for more, the length
// before it waits for the body, and reads nothing beyond the packet.
func readPacket(r io.Reader, want packet.ClassicType) (packet.ClassicHeader, []byte, error) {
	raw := make([]byte, packet.ClassicHeaderLen)
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
	h := packet.ParseClassicHeader(raw)
	if err := h.Check(want); err != nil {
		return h, nil, err
	}
	for left := int(h.Length); left > 0; {
		n := min(left, max(readStep, len(raw)))
		start := len(raw)
		raw = append(raw, make([]byte, n)...)
		if _, err := io.ReadFull(r, raw[start:]); err != nil {
			return h, nil, err
		}
		left -= n
	}
	return h, raw, nil
}
