package packet

import "encoding/binary"

// ResponseFieldsLen is the length of what stands before the text and the
// content of a RESPONSE.
const ResponseFieldsLen = 8 + 2 + 2 + 4 + 4

// ResponseFields are the numbers of an answer.
type ResponseFields struct {
	ID        uint64 // of the request
	Code      Code   // CodeOK: no error, whatever the text
	CustomLen uint32 // bytes of the content that are custom
	DataLen   uint32 // bytes of the content that are data, behind the custom ones
}

// A Response answers a Request. With MORE it is an announcement: Custom and
// Data are nil, and the content follows in BODY frames, custom first.
type Response struct {
	ResponseFields
	Text   []byte // the handler's error, with CodeError; else why there is no answer
	Custom []byte // travels beside Data
	Data   []byte // the payload
}

// AppendResponse appends the payload of a RESPONSE up to the content to dst.
// The text is cut to MaxErrorText.
func AppendResponse(dst []byte, f ResponseFields, text string) []byte {
	text = Cut(text, MaxErrorText)
	dst = binary.LittleEndian.AppendUint64(dst, f.ID)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(f.Code))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(text)))
	dst = binary.LittleEndian.AppendUint32(dst, f.CustomLen)
	dst = binary.LittleEndian.AppendUint32(dst, f.DataLen)
	return append(dst, text...)
}

// ParseResponse parses the payload of a RESPONSE with the header h.
func ParseResponse(h Header, b []byte) (Response, error) {
	if len(b) < ResponseFieldsLen {
		return Response{}, malformed(TypeResponse, "too short")
	}
	r := Response{ResponseFields: ResponseFields{
		ID:        binary.LittleEndian.Uint64(b),
		Code:      Code(binary.LittleEndian.Uint16(b[8:])),
		CustomLen: binary.LittleEndian.Uint32(b[12:]),
		DataLen:   binary.LittleEndian.Uint32(b[16:]),
	}}
	text := int(binary.LittleEndian.Uint16(b[10:]))
	if text > MaxErrorText {
		return Response{}, malformed(TypeResponse, "text too long")
	}
	parts, reason := parseContent(h, b, ResponseFieldsLen, text, r.CustomLen, r.DataLen)
	if reason != "" {
		return Response{}, malformed(TypeResponse, reason)
	}
	r.Text, r.Custom, r.Data = parts.name, parts.custom, parts.data
	return r, nil
}
