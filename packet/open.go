package packet

import "encoding/binary"

const openFixed = 4 + 4 + 2 + 2

// An Open opens the stream of its header.
type Open struct {
	StreamWindow  uint32 // first Credit limit that the opener gives
	MessageWindow uint32 // first CreditMessage limit that the opener gives
	Meta          []byte // what the opener says of the stream; may be empty
	Peer          []byte // the name that the opener gives; may be empty
}

// AppendOpen appends the payload of o to dst. Its Meta and Peer together must
// not be longer than MaxMeta.
func AppendOpen(dst []byte, o Open) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, o.StreamWindow)
	dst = binary.LittleEndian.AppendUint32(dst, o.MessageWindow)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(o.Meta)))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(o.Peer)))
	return append(append(dst, o.Meta...), o.Peer...)
}

// ParseOpen parses the payload of an OPEN.
func ParseOpen(b []byte) (Open, error) {
	if len(b) < openFixed {
		return Open{}, malformed(TypeOpen, "too short")
	}
	meta := int(binary.LittleEndian.Uint16(b[8:]))
	peer := int(binary.LittleEndian.Uint16(b[10:]))
	if openFixed+meta+peer != len(b) {
		return Open{}, malformed(TypeOpen, "lengths do not add up")
	}
	return Open{
		StreamWindow:  binary.LittleEndian.Uint32(b),
		MessageWindow: binary.LittleEndian.Uint32(b[4:]),
		Meta:          slice(b, openFixed, meta),
		Peer:          tail(b, openFixed+meta),
	}, nil
}
