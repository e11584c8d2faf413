package packet

import "encoding/binary"

const methodDefFixed = 4

// A MethodDef gives a method name a number, for all later requests of its
// sender on the connection.
type MethodDef struct {
	Index uint32 // from 1 to MaxDictionary
	Name  []byte // of the method
}

// AppendMethodDef appends the payload of a METHOD_DEF to dst. The name must
// not be longer than MaxName.
func AppendMethodDef(dst []byte, index uint32, name string) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, index), name...)
}

// ParseMethodDef parses the payload of a METHOD_DEF.
func ParseMethodDef(b []byte) (MethodDef, error) {
	if len(b) < methodDefFixed || len(b) > methodDefFixed+MaxName {
		return MethodDef{}, malformed(TypeMethodDef, "length out of range")
	}
	d := MethodDef{binary.LittleEndian.Uint32(b), tail(b, methodDefFixed)}
	if d.Index == 0 || d.Index > MaxDictionary {
		return MethodDef{}, malformed(TypeMethodDef, "index out of range")
	}
	return d, nil
}
