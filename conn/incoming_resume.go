package conn

import (
	"fmt"
	"time"

	"github.com/singchia/geminio/packet"
)

// Resumes tells whether the client wants to go on with a session, and with
// which.
func (in *Incoming) Resumes() (session [16]byte, ok bool) {
	return in.peer.SessionID, in.peer.HasProof
}

// Resume judges what the client proves. old is the session that it names, nil
// if there is none: nothing tells the client the difference between that and a
// wrong proof. allow, if not nil, is asked once the proof was found right and
// may block; an error refuses. Only then something of old changes: the
// transport that carries it gives way.
//
// resumed says that the connection carries old from now on. Otherwise, if err
// is nil, the client is to be treated as a new one, by Confirm or Refuse; if
// not, it was answered and the connection is closed.
func (in *Incoming) Resume(old *Conn, allow func() error) (resumed bool, err error) {
	if !in.proves(old) {
		return in.decline(packet.Verdict{Code: packet.VerdictUnknown})
	}
	if allow != nil {
		if err := allow(); err != nil {
			return in.decline(packet.Verdict{Code: packet.VerdictRefused})
		}
	}
	old.resuming.Lock()
	defer old.resuming.Unlock()
	if v := old.judge(time.Now(), in.peer.Resume); v.Code != 0 {
		return in.decline(v)
	}
	if err := old.fence(); err != nil {
		return in.decline(packet.Verdict{Code: packet.VerdictUnknown})
	}
	old.mu.Lock()
	ok := !old.dead && old.accepts(in.peer.Resume.Position)
	recv := old.in.pos
	old.mu.Unlock()
	if !ok {
		old.fail(protocolError("the client has received up to %d, which is no such place", in.peer.Resume.Position))
		return in.decline(packet.Verdict{Code: packet.VerdictUnknown})
	}
	if err := in.confirmResume(old, recv); err != nil {
		in.nc.Close()
		return false, fmt.Errorf("handshake: %w", err)
	}
	if err := old.carryOn(in.nc, in.peer.Resume.Position); err != nil {
		in.nc.Close()
		return false, err
	}
	return true, nil
}

// proves tells whether the client has the key of old. It does the same work
// for a session that does not exist.
func (in *Incoming) proves(old *Conn) bool {
	key := &ticket{secret: dummy, bound: in.peer.SessionFlags&packet.SessionBound != 0}
	if old != nil && old.ticket != nil {
		key = old.ticket
	}
	covered, proof, ok := packet.SplitProof(in.first)
	right := equal(proof, key.secret.proveClient(covered, key.exporterFor(in.exporter)))
	sees := !key.bound || in.exporter != nil // what it is bound to
	return ok && proof == in.peer.Proof && right && sees && key.secret != dummy
}

// decline notes why the session does not go on. Unless a new one may begin
// instead, it refuses the client.
func (in *Incoming) decline(v packet.Verdict) (bool, error) {
	in.verdict = v
	hereOnly := in.peer.SessionFlags&packet.SessionHereOnly != 0 && in.peer.Instance != in.cfg.Instance
	if (v.Code == packet.VerdictUnknown || v.Code == packet.VerdictRefused) && !hereOnly {
		return false, nil
	}
	err := errDeclined
	if v.Code == packet.VerdictUnknown {
		err = ErrUnknown
	}
	in.Refuse(err)
	return false, err
}

// confirmResume tells the client that the session goes on, and what of it was
// received.
func (in *Incoming) confirmResume(c *Conn, recv uint64) error {
	hello := packet.Hello{
		Role: packet.RoleServer, Max: packet.ProtocolVersion, Nonce: in.peer.Nonce,
		Instance: in.cfg.Instance, SessionID: c.ticket.id,
		Resume: packet.Resume{Epoch: in.peer.Resume.Epoch, Position: recv}, HasProof: true,
	}
	answer := packet.ConnAckPacket{PacketID: in.packetID, ClientID: c.clientID, Hello: packet.AppendHello(nil, hello)}
	wire := answer.AppendTo(nil)
	covered, _, _ := packet.SplitProof(wire)
	packet.SetProof(wire, c.ticket.secret.proveServer(in.first, covered, c.ticket.exporterFor(in.exporter)))
	return in.answer(wire, time.Now().Add(answerTimeout))
}
