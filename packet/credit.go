package packet

import "encoding/binary"

// CreditLen is the length of the payload of CREDIT.
const CreditLen = 8

// A Credit allows the bytes of a stream up to an absolute limit.
type Credit struct {
	Limit uint64 // absolute; the newest one counts
}

// AppendCredit appends the payload of v to dst.
func AppendCredit(dst []byte, v Credit) []byte {
	return binary.LittleEndian.AppendUint64(dst, v.Limit)
}

// ParseCredit parses the payload of a CREDIT.
func ParseCredit(b []byte) (Credit, error) {
	if len(b) != CreditLen {
		return Credit{}, malformed(TypeCredit, "wrong length")
	}
	return Credit{binary.LittleEndian.Uint64(b)}, nil
}
