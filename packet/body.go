package packet

import "encoding/binary"

// BodyHeadLen is the length of what stands before the bytes of a BODY.
const BodyHeadLen = 1 + 8

// BodyKind tells whose content a BODY, GRANT or CANCEL is about.
type BodyKind uint8

const (
	BodyRequest  BodyKind = 1 // of a Request
	BodyResponse BodyKind = 2 // of a Response
	BodyMessage  BodyKind = 3 // of a Message
)

// A BodyHead names one announced content.
type BodyHead struct {
	Kind BodyKind // whose content it is
	ID   uint64   // of the exchange: that of the announcement
}

// A Body is a part of an announced content.
type Body struct {
	BodyHead
	Bytes []byte // at least one
}

// AppendBody appends the payload of a BODY up to its bytes to dst.
func AppendBody(dst []byte, h BodyHead) []byte {
	return binary.LittleEndian.AppendUint64(append(dst, byte(h.Kind)), h.ID)
}

// ParseBody parses the payload of a BODY.
func ParseBody(b []byte) (Body, error) {
	if len(b) <= BodyHeadLen {
		return Body{}, malformed(TypeBody, "too short")
	}
	h, err := parseBodyHead(TypeBody, b)
	if err != nil {
		return Body{}, err
	}
	return Body{h, tail(b, BodyHeadLen)}, nil
}

// ParseBodyHead parses the first BodyHeadLen bytes of the payload of a BODY.
func ParseBodyHead(b []byte) (BodyHead, error) {
	if len(b) < BodyHeadLen {
		return BodyHead{}, malformed(TypeBody, "too short")
	}
	return parseBodyHead(TypeBody, b)
}

func parseBodyHead(t Type, b []byte) (BodyHead, error) {
	h := BodyHead{BodyKind(b[0]), binary.LittleEndian.Uint64(b[1:])}
	if h.Kind < BodyRequest || h.Kind > BodyMessage {
		return BodyHead{}, malformed(t, "unknown kind")
	}
	return h, nil
}
