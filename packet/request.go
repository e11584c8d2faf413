package packet

import "encoding/binary"

// RequestFieldsLen is the length of what stands before the name and the
// content of a REQUEST.
const RequestFieldsLen = 8 + 8 + 4 + 4 + 2 + 4 + 4

// RequestFields are the numbers of a request.
type RequestFields struct {
	ID        uint64 // correlates this exchange
	RequestID uint64 // what the application sees
	TimeoutMS uint32 // the time that remains, in milliseconds; 0: no limit
	Method    uint32 // index in the dictionary; 0: the name goes with it
	CustomLen uint32 // bytes of the content that are custom
	DataLen   uint32 // bytes of the content that are data, behind the custom ones
}

// A Request is a call to a method of the header's stream. With MORE it is an
// announcement: Custom and Data are nil, and the content follows in BODY
// frames, custom first.
type Request struct {
	RequestFields
	Name   []byte // the method's, empty when Method is not 0
	Custom []byte // travels beside Data
	Data   []byte // the payload
}

// AppendRequest appends the payload of a REQUEST up to the content to dst. The
// name must be empty when f.Method is not 0, and not be longer than MaxName.
func AppendRequest(dst []byte, f RequestFields, name string) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, f.ID)
	dst = binary.LittleEndian.AppendUint64(dst, f.RequestID)
	dst = binary.LittleEndian.AppendUint32(dst, f.TimeoutMS)
	dst = binary.LittleEndian.AppendUint32(dst, f.Method)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(name)))
	dst = binary.LittleEndian.AppendUint32(dst, f.CustomLen)
	dst = binary.LittleEndian.AppendUint32(dst, f.DataLen)
	return append(dst, name...)
}

// ParseRequest parses the payload of a REQUEST with the header h.
func ParseRequest(h Header, b []byte) (Request, error) {
	if len(b) < RequestFieldsLen {
		return Request{}, malformed(TypeRequest, "too short")
	}
	r := Request{RequestFields: RequestFields{
		ID:        binary.LittleEndian.Uint64(b),
		RequestID: binary.LittleEndian.Uint64(b[8:]),
		TimeoutMS: binary.LittleEndian.Uint32(b[16:]),
		Method:    binary.LittleEndian.Uint32(b[20:]),
		CustomLen: binary.LittleEndian.Uint32(b[26:]),
		DataLen:   binary.LittleEndian.Uint32(b[30:]),
	}}
	name := int(binary.LittleEndian.Uint16(b[24:]))
	if name > MaxName {
		return Request{}, malformed(TypeRequest, "name too long")
	}
	if r.Method != 0 && (name != 0 || r.Method > MaxDictionary) {
		return Request{}, malformed(TypeRequest, "method out of range or with a name")
	}
	parts, reason := parseContent(h, b, RequestFieldsLen, name, r.CustomLen, r.DataLen)
	if reason != "" {
		return Request{}, malformed(TypeRequest, reason)
	}
	r.Name, r.Custom, r.Data = parts.name, parts.custom, parts.data
	return r, nil
}
