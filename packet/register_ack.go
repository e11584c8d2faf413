package packet

import "encoding/binary"

const registerAckFixed = 8 + 2

// A RegisterAck answers a Register.
type RegisterAck struct {
	ID   uint64 // of the Register
	Code Code   // CodeOK: the method is known
	Text []byte // why it is not, or empty
}

// AppendRegisterAck appends the payload of a REGISTER_ACK to dst. The text is cut
// to MaxErrorText.
func AppendRegisterAck(dst []byte, id uint64, code Code, text string) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, id)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(code))
	return append(dst, Cut(text, MaxErrorText)...)
}

// ParseRegisterAck parses the payload of a REGISTER_ACK.
func ParseRegisterAck(b []byte) (RegisterAck, error) {
	if len(b) < registerAckFixed || len(b) > registerAckFixed+MaxErrorText {
		return RegisterAck{}, malformed(TypeRegisterAck, "length out of range")
	}
	return RegisterAck{
		ID:   binary.LittleEndian.Uint64(b),
		Code: Code(binary.LittleEndian.Uint16(b[8:])),
		Text: tail(b, registerAckFixed),
	}, nil
}
