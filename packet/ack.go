package packet

import "encoding/binary"

// AckLen is the length of the payload of ACK.
const AckLen = 8

// An Ack tells what its sender has received. It is not counted.
type Ack struct {
	Position uint64 // of the last counted byte received
}

// AppendAck appends the payload of v to dst.
func AppendAck(dst []byte, v Ack) []byte {
	return binary.LittleEndian.AppendUint64(dst, v.Position)
}

// ParseAck parses the payload of an ACK.
func ParseAck(b []byte) (Ack, error) {
	if len(b) != AckLen {
		return Ack{}, malformed(TypeAck, "wrong length")
	}
	return Ack{binary.LittleEndian.Uint64(b)}, nil
}
