package packet

// CancelLen is the length of the payload of CANCEL.
const CancelLen = BodyHeadLen

// A Cancel withdraws what its sender sent: a request, or the rest of an
// announced content.
type Cancel BodyHead

// AppendCancel appends the payload of v to dst.
func AppendCancel(dst []byte, v Cancel) []byte { return AppendBody(dst, BodyHead(v)) }

// ParseCancel parses the payload of a CANCEL.
func ParseCancel(b []byte) (Cancel, error) {
	if len(b) != CancelLen {
		return Cancel{}, malformed(TypeCancel, "wrong length")
	}
	h, err := parseBodyHead(TypeCancel, b)
	return Cancel(h), err
}
