package packet

import "encoding/binary"

// CreditCallLen is the length of the payload of CREDIT_CALL.
const CreditCallLen = 8 + 8 + 8

// A CreditCall allows requests, and answers to requests of its sender, up to
// absolute limits.
type CreditCall struct {
	Requests      uint64 // how many
	RequestBytes  uint64 // the bytes of their contents
	ResponseBytes uint64 // the bytes of contents of answers above FreeResponse
}

// FreeResponse is the largest content of an answer that takes no credit.
const FreeResponse = 64 << 10

// AppendCreditCall appends the payload of v to dst.
func AppendCreditCall(dst []byte, v CreditCall) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, v.Requests)
	dst = binary.LittleEndian.AppendUint64(dst, v.RequestBytes)
	return binary.LittleEndian.AppendUint64(dst, v.ResponseBytes)
}

// ParseCreditCall parses the payload of a CREDIT_CALL.
func ParseCreditCall(b []byte) (CreditCall, error) {
	if len(b) != CreditCallLen {
		return CreditCall{}, malformed(TypeCreditCall, "wrong length")
	}
	return CreditCall{
		Requests:      binary.LittleEndian.Uint64(b),
		RequestBytes:  binary.LittleEndian.Uint64(b[8:]),
		ResponseBytes: binary.LittleEndian.Uint64(b[16:]),
	}, nil
}
