package packet

import (
	"encoding/binary"
)

// HeaderLen is the length of a frame's header.
const HeaderLen = 8

// Flags are the three flag bits of a header.
type Flags uint8

const (
	// FlagFIN on DATA says that no bytes of the stream follow.
	FlagFIN Flags = 1

	// FlagMORE says that more of a body follows.
	FlagMORE Flags = 2
)

// A Header stands before every payload.
type Header struct {
	Type   Type   // of the frame
	Flags  Flags  // those that the type allows
	Length int    // of the payload, in bytes
	Stream uint32 // 0: the connection itself
}

const (
	lengthBits = 21
	lengthMask = 1<<lengthBits - 1
	flagsMask  = 7
)

func (h Header) pack() uint64 {
	return uint64(h.Length)&lengthMask | uint64(h.Flags&flagsMask)<<lengthBits |
		uint64(h.Type)<<24 | uint64(h.Stream)<<32
}

// PutHeader writes h into the first HeaderLen bytes of b.
func PutHeader(b []byte, h Header) { binary.LittleEndian.PutUint64(b, h.pack()) }

// AppendHeader appends h to dst.
func AppendHeader(dst []byte, h Header) []byte {
	return binary.LittleEndian.AppendUint64(dst, h.pack())
}

// ParseHeader reads a header from the first HeaderLen bytes of b. It judges
// nothing; Check does.
func ParseHeader(b []byte) Header {
	v := binary.LittleEndian.Uint64(b)
	return Header{
		Type:   Type(v >> 24),
		Flags:  Flags(v >> lengthBits & flagsMask),
		Length: int(v & lengthMask),
		Stream: uint32(v >> 32),
	}
}

// Check returns a *FormatError when no frame may have this header: an unknown
// type below FirstSkippable, a length outside the type's range, a flag the
// type does not know, a stream where none may be or none where one must be. It
// needs no payload. Types that are skipped are held to MaxPayload only.
func (h Header) Check() error {
	r := h.Type.rule()
	if r == nil {
		if h.Type < FirstSkippable {
			return malformed(h.Type, "unknown type")
		}
		if h.Length > MaxPayload {
			return malformed(h.Type, "length out of range")
		}
		return nil
	}
	longest := r.max
	if h.Flags&FlagMORE != 0 && r.maxMore != 0 {
		longest = r.maxMore
	}
	switch {
	case h.Length < r.min || h.Length > longest:
		return malformed(h.Type, "length out of range")
	case h.Flags&^r.flags != 0:
		return malformed(h.Type, "flag not allowed")
	case r.stream == onConnection && h.Stream != 0:
		return malformed(h.Type, "stream not 0")
	case r.stream == onStream && h.Stream == 0:
		return malformed(h.Type, "stream is 0")
	case h.Type == TypeData && h.Length == 0 && h.Flags&FlagFIN == 0:
		return malformed(h.Type, "empty without FIN")
	}
	return nil
}
