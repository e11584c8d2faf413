package packet

import "encoding/binary"

const resetFixed = 4

// A Reset refuses a stream or ends it at once in both directions. What is
// queued of the stream does not matter any more.
type Reset struct {
	Code uint32 // a Code
	Text []byte // the same in words, or empty
}

// AppendReset appends the payload of a RESET to dst. The text is cut to
// MaxResetText.
func AppendReset(dst []byte, code uint32, text string) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, code)
	return append(dst, Cut(text, MaxResetText)...)
}

// ParseReset parses the payload of a RESET.
func ParseReset(b []byte) (Reset, error) {
	if len(b) < resetFixed || len(b) > resetFixed+MaxResetText {
		return Reset{}, malformed(TypeReset, "length out of range")
	}
	return Reset{binary.LittleEndian.Uint32(b), tail(b, resetFixed)}, nil
}
