package packet

// A Pong answers a Ping. It is not counted and may overtake every other frame.
type Pong struct {
	Kind     PingKind // the Ping's
	Opaque   uint64   // the Ping's
	Position uint64   // how many counted bytes the sender of the Pong has received
}

// AppendPong appends the payload of p to dst.
func AppendPong(dst []byte, p Pong) []byte { return AppendPing(dst, Ping(p)) }

// ParsePong parses the payload of a PONG.
func ParsePong(b []byte) (Pong, error) {
	p, err := parsePing(TypePong, b)
	return Pong(p), err
}
