package packet

import "encoding/binary"

// connAckFixed is the length of the verdict and the client id of a
// ConnAckPacket.
const connAckFixed = 1 + 8

// A ConnAckPacket is the server's answer to a ConnPacket. The connection is
// refused when Error is not empty, whatever Ret is.
type ConnAckPacket struct {
	PacketID uint64 // the ConnPacket's
	Ret      uint8  // 0, or 1 with an Error
	ClientID uint64 // the one given
	Error    string // why the connection is refused; empty if it is not
	Hello    []byte // an encoded Hello; nil: none
}

// AppendTo appends the packet with its header to dst. Error is cut to
// MaxErrorText, so a peer takes it.
func (p ConnAckPacket) AppendTo(dst []byte) []byte {
	start := len(dst)
	dst = AppendClassicHeader(dst, ClassicHeader{Type: ClassicConnAck, PacketID: p.PacketID})
	dst = append(dst, p.Ret)
	dst = binary.BigEndian.AppendUint64(dst, p.ClientID)
	return appendConnJSON(dst, start, connJSON{Error: Cut(p.Error, MaxErrorText)}, p.Hello)
}

// ParseConnAck parses the body of a ConnAckPacket whose header is h. Members
// it does not know are ignored. A member for the hello that does not hold one
// is the same as none.
func ParseConnAck(h ClassicHeader, body []byte) (ConnAckPacket, error) {
	if len(body) < connAckFixed {
		return ConnAckPacket{}, classicMalformed(ClassicConnAck, "too short")
	}
	m, err := parseConnJSON(ClassicConnAck, body[connAckFixed:])
	if err != nil {
		return ConnAckPacket{}, err
	}
	return ConnAckPacket{
		PacketID: h.PacketID,
		Ret:      body[0],
		ClientID: binary.BigEndian.Uint64(body[1:]),
		Error:    m.Error,
		Hello:    m.hello(),
	}, nil
}
