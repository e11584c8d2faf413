package packet

import "encoding/binary"

const closeFixed = 2

// A Close ends the connection: it is its sender's last counted frame but for
// CLOSED.
type Close struct {
	Code Code   // why it ends
	Text []byte // the same in words, or empty
}

// AppendClose appends the payload of a CLOSE to dst. The text is cut to
// MaxErrorText.
func AppendClose(dst []byte, code Code, text string) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(code))
	return append(dst, Cut(text, MaxErrorText)...)
}

// ParseClose parses the payload of a CLOSE.
func ParseClose(b []byte) (Close, error) {
	if len(b) < closeFixed || len(b) > closeFixed+MaxErrorText {
		return Close{}, malformed(TypeClose, "length out of range")
	}
	return Close{Code(binary.LittleEndian.Uint16(b)), tail(b, closeFixed)}, nil
}
