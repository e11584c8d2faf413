package packet

import "encoding/binary"

const (
	// ProtocolVersion is the version of the protocol that this package
	// writes.
	ProtocolVersion = 2

	// Preface is what each direction of protocol 2 begins with.
	Preface = "GMN2"
)

// Role tells which side wrote a Hello.
type Role uint8

const (
	RoleClient Role = 'C'
	RoleServer Role = 'S'
)

// A Hello is the member "_g2" of a handshake packet: it says that its sender
// speaks protocol 2, and what it allows the peer from the first frame on. A
// field that is zero is not said.
type Hello struct {
	Role  Role
	Max   uint8 // client: newest version offered; server: version chosen
	Min   uint8 // client: oldest version offered; server: 0
	Nonce [16]byte

	MaxFrame      uint32     // largest payload taken; MaxPayload in version 2
	StreamWindow  uint32     // first Credit limit of the default stream
	MessageWindow uint32     // first CreditMessage limit of the default stream
	OpenCredit    CreditOpen // first CREDIT_OPEN
	CallCredit    CreditCall // first CREDIT_CALL
	MaxBody       uint32     // largest content taken; 0: MaxDecodablePacketLen
	HeartbeatMS   uint32     // interval of the beat; 0: 20 s
	RefusalCode   Code       // server: why the connection is refused
}

const helloFixed = 4 + 16

// The fields of a Hello. From 32 on they are kept for sessions.
const (
	helloMaxFrame      = 1
	helloStreamWindow  = 2
	helloMessageWindow = 3
	helloOpenCredit    = 4
	helloCallCredit    = 5
	helloMaxBody       = 6
	helloHeartbeat     = 7
	helloRefusalCode   = 8
)

// helloLengths gives the length of each known field.
var helloLengths = [...]int{
	helloMaxFrame: 4, helloStreamWindow: 4, helloMessageWindow: 4,
	helloOpenCredit: CreditOpenLen, helloCallCredit: CreditCallLen,
	helloMaxBody: 4, helloHeartbeat: 4, helloRefusalCode: 2,
}

// AppendHello appends h to dst.
func AppendHello(dst []byte, h Hello) []byte {
	dst = append(dst, byte(h.Role), h.Max, h.Min, 0)
	dst = append(dst, h.Nonce[:]...)
	dst = appendHello32(dst, helloMaxFrame, h.MaxFrame)
	dst = appendHello32(dst, helloStreamWindow, h.StreamWindow)
	dst = appendHello32(dst, helloMessageWindow, h.MessageWindow)
	if o := h.OpenCredit; o != (CreditOpen{}) {
		dst = appendHelloHead(dst, helloOpenCredit)
		dst = binary.BigEndian.AppendUint32(dst, o.Opens)
		dst = binary.BigEndian.AppendUint32(dst, o.StreamWindow)
		dst = binary.BigEndian.AppendUint32(dst, o.MessageWindow)
	}
	if c := h.CallCredit; c != (CreditCall{}) {
		dst = appendHelloHead(dst, helloCallCredit)
		dst = binary.BigEndian.AppendUint64(dst, c.Requests)
		dst = binary.BigEndian.AppendUint64(dst, c.RequestBytes)
		dst = binary.BigEndian.AppendUint64(dst, c.ResponseBytes)
	}
	dst = appendHello32(dst, helloMaxBody, h.MaxBody)
	dst = appendHello32(dst, helloHeartbeat, h.HeartbeatMS)
	if h.RefusalCode != CodeOK {
		dst = appendHelloHead(dst, helloRefusalCode)
		dst = binary.BigEndian.AppendUint16(dst, uint16(h.RefusalCode))
	}
	return dst
}

func appendHelloHead(dst []byte, field uint8) []byte {
	return binary.BigEndian.AppendUint16(append(dst, field), uint16(helloLengths[field]))
}

func appendHello32(dst []byte, field uint8, v uint32) []byte {
	if v == 0 {
		return dst
	}
	return binary.BigEndian.AppendUint32(appendHelloHead(dst, field), v)
}

// ParseHello parses what a peer of the given role wrote and tells whether it
// is a hello at all. Anything wrong in it makes it none: the peer is then one
// that does not speak protocol 2. Whether versions overlap and a server's
// nonce is the client's own is for the caller to see.
func ParseHello(b []byte, role Role) (h Hello, ok bool) {
	if len(b) < helloFixed || len(b) > MaxHello || Role(b[0]) != role {
		return Hello{}, false
	}
	h = Hello{Role: role, Max: b[1], Min: b[2]}
	copy(h.Nonce[:], b[4:])
	var seen uint16
	for b = b[helloFixed:]; len(b) > 0; {
		if len(b) < 3 {
			return Hello{}, false
		}
		field, n := b[0], int(binary.BigEndian.Uint16(b[1:]))
		if b = b[3:]; n > len(b) {
			return Hello{}, false
		}
		value := b[:n]
		b = b[n:]
		if int(field) >= len(helloLengths) || field == 0 {
			continue
		}
		if n != helloLengths[field] || seen&(1<<field) != 0 {
			return Hello{}, false
		}
		seen |= 1 << field
		h.set(field, value)
	}
	return h, true
}

func (h *Hello) set(field uint8, v []byte) {
	switch field {
	case helloMaxFrame:
		h.MaxFrame = binary.BigEndian.Uint32(v)
	case helloStreamWindow:
		h.StreamWindow = binary.BigEndian.Uint32(v)
	case helloMessageWindow:
		h.MessageWindow = binary.BigEndian.Uint32(v)
	case helloOpenCredit:
		h.OpenCredit = CreditOpen{
			Opens:         binary.BigEndian.Uint32(v),
			StreamWindow:  binary.BigEndian.Uint32(v[4:]),
			MessageWindow: binary.BigEndian.Uint32(v[8:]),
		}
	case helloCallCredit:
		h.CallCredit = CreditCall{
			Requests:      binary.BigEndian.Uint64(v),
			RequestBytes:  binary.BigEndian.Uint64(v[8:]),
			ResponseBytes: binary.BigEndian.Uint64(v[16:]),
		}
	case helloMaxBody:
		h.MaxBody = binary.BigEndian.Uint32(v)
	case helloHeartbeat:
		h.HeartbeatMS = binary.BigEndian.Uint32(v)
	case helloRefusalCode:
		h.RefusalCode = Code(binary.BigEndian.Uint16(v))
	}
}
