package packet

import "encoding/binary"

// PingLen and PongLen are the lengths of the payloads of PING and PONG.
const (
	PingLen = 1 + 8 + 8
	PongLen = PingLen
)

// PingKind tells what a PING is for.
type PingKind uint8

const (
	PingBeat  PingKind = 1 // the heartbeat
	PingProbe PingKind = 2 // a measurement of the round trip
)

// A Ping asks the peer for a Pong. It is not counted and may overtake every
// other frame.
type Ping struct {
	Kind     PingKind // what it is for
	Opaque   uint64   // comes back in the Pong
	Position uint64   // how many counted bytes the sender has sent
}

// AppendPing appends the payload of p to dst.
func AppendPing(dst []byte, p Ping) []byte {
	dst = append(dst, byte(p.Kind))
	dst = binary.LittleEndian.AppendUint64(dst, p.Opaque)
	return binary.LittleEndian.AppendUint64(dst, p.Position)
}

// ParsePing parses the payload of a PING.
func ParsePing(b []byte) (Ping, error) { return parsePing(TypePing, b) }

func parsePing(t Type, b []byte) (Ping, error) {
	if len(b) != PingLen {
		return Ping{}, malformed(t, "wrong length")
	}
	p := Ping{
		Kind:     PingKind(b[0]),
		Opaque:   binary.LittleEndian.Uint64(b[1:]),
		Position: binary.LittleEndian.Uint64(b[9:]),
	}
	if p.Kind != PingBeat && p.Kind != PingProbe {
		return Ping{}, malformed(t, "unknown kind")
	}
	return p, nil
}
