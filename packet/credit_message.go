package packet

import "encoding/binary"

// CreditMessageLen is the length of the payload of CREDIT_MESSAGE.
const CreditMessageLen = 8

// A CreditMessage allows the messages of a stream up to an absolute limit.
type CreditMessage struct {
	Limit uint64 // absolute, in the bytes that MessageCost counts
}

// AppendCreditMessage appends the payload of v to dst.
func AppendCreditMessage(dst []byte, v CreditMessage) []byte {
	return binary.LittleEndian.AppendUint64(dst, v.Limit)
}

// ParseCreditMessage parses the payload of a CREDIT_MESSAGE.
func ParseCreditMessage(b []byte) (CreditMessage, error) {
	if len(b) != CreditMessageLen {
		return CreditMessage{}, malformed(TypeCreditMessage, "wrong length")
	}
	return CreditMessage{binary.LittleEndian.Uint64(b)}, nil
}
