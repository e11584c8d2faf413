package packet

import "encoding/base64"

// SessionFlags are bits beside the other fields of a Hello about sessions.
// Unknown ones mean nothing.
type SessionFlags uint8

const (
	// SessionBound says that the sender can bind the session to its TLS
	// connection. It is bound where both say so.
	SessionBound SessionFlags = 1

	// SessionHereOnly says that no other server process than Instance may open
	// a new session.
	SessionHereOnly SessionFlags = 2
)

// A Resume is where a session goes on: the client's proposal, or what the
// server makes of it.
type Resume struct {
	Epoch    uint32 // the number of the client's attempt, from 1 on; the server repeats it
	Position uint64 // the counted bytes that the sender has received
}

// VerdictCode says why a session does not go on.
type VerdictCode uint8

const (
	VerdictUnknown    VerdictCode = 1 // no such session, or the proof is wrong
	VerdictStale      VerdictCode = 2 // a later attempt was made already
	VerdictRefused    VerdictCode = 3 // another identity, or no such position
	VerdictRetryAfter VerdictCode = 4 // not now; the delay tells when
)

// A Verdict is the server's answer to a client whose session does not go on.
type Verdict struct {
	Code    VerdictCode // 0: none
	DelayMS uint32      // of VerdictRetryAfter
}

const (
	proofLen = 32

	// A packet that carries a proof ends with proofText characters of base64,
	// which hold the proof and nothing else, and proofEnd.
	proofText = (proofLen + 2) / 3 * 4
	proofEnd  = `"}`
)

// SplitProof finds the proof in a whole handshake packet, header and body as
// they are on the wire: what lies before its characters, which is what it
// proves, and the proof. Who takes a proof out of a parsed Hello must see that
// it is the one found here: only then the packet has the form in which the
// proof covers everything else. covered aliases packet.
func SplitProof(packet []byte) (covered []byte, proof [32]byte, ok bool) {
	at := len(packet) - proofText - len(proofEnd)
	if at < ClassicHeaderLen || string(packet[at+proofText:]) != proofEnd {
		return nil, proof, false
	}
	var raw [proofText]byte
	n, err := base64.StdEncoding.Strict().Decode(raw[:], packet[at:at+proofText])
	if err != nil || n != proofLen {
		return nil, proof, false
	}
	return packet[:at:at], [proofLen]byte(raw[:n]), true
}

// SetProof writes proof into a whole handshake packet whose Hello was made
// with another one, the zero one say. It panics if there is none.
func SetProof(packet []byte, proof [32]byte) {
	covered, _, ok := SplitProof(packet)
	if !ok {
		panic("packet: no proof to replace")
	}
	base64.StdEncoding.Encode(packet[len(covered):], proof[:])
}
