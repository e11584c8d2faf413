package packet

import "encoding/binary"

const messageAckFixed = 8 + 2

// A MessageAck is the receiving application's verdict on a Message.
type MessageAck struct {
	ID   uint64 // of the Message
	Code Code   // CodeOK: done
	Text []byte // the application's, with CodeError
}

// AppendMessageAck appends the payload of a MESSAGE_ACK to dst. The text is cut
// to MaxErrorText.
func AppendMessageAck(dst []byte, id uint64, code Code, text string) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, id)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(code))
	return append(dst, Cut(text, MaxErrorText)...)
}

// ParseMessageAck parses the payload of a MESSAGE_ACK.
func ParseMessageAck(b []byte) (MessageAck, error) {
	if len(b) < messageAckFixed || len(b) > messageAckFixed+MaxErrorText {
		return MessageAck{}, malformed(TypeMessageAck, "length out of range")
	}
	return MessageAck{
		ID:   binary.LittleEndian.Uint64(b),
		Code: Code(binary.LittleEndian.Uint16(b[8:])),
		Text: tail(b, messageAckFixed),
	}, nil
}
