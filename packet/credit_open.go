package packet

import "encoding/binary"

// CreditOpenLen is the length of the payload of CREDIT_OPEN.
const CreditOpenLen = 4 + 4 + 4

// A CreditOpen allows the peer to open streams.
type CreditOpen struct {
	Opens         uint32 // how many in all, since the connection began
	StreamWindow  uint32 // the first Credit limit of those that this allows newly
	MessageWindow uint32 // the first CreditMessage limit of those
}

// AppendCreditOpen appends the payload of v to dst.
func AppendCreditOpen(dst []byte, v CreditOpen) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, v.Opens)
	dst = binary.LittleEndian.AppendUint32(dst, v.StreamWindow)
	return binary.LittleEndian.AppendUint32(dst, v.MessageWindow)
}

// ParseCreditOpen parses the payload of a CREDIT_OPEN.
func ParseCreditOpen(b []byte) (CreditOpen, error) {
	if len(b) != CreditOpenLen {
		return CreditOpen{}, malformed(TypeCreditOpen, "wrong length")
	}
	return CreditOpen{
		Opens:         binary.LittleEndian.Uint32(b),
		StreamWindow:  binary.LittleEndian.Uint32(b[4:]),
		MessageWindow: binary.LittleEndian.Uint32(b[8:]),
	}, nil
}
