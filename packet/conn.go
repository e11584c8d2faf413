package packet

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
)

// connFixed is the length of the flags and the client id of a ConnPacket.
const connFixed = 2 + 8

// Flags of a ConnPacket: an id is wanted, and a beat every 20 s.
const connFlags = 0x1800

// A ConnPacket is the first thing a client sends.
type ConnPacket struct {
	PacketID uint64 // chosen by the client; the answer repeats it
	ClientID uint64 // the wanted one; 0: any
	Meta     []byte // what the client says of itself; may be empty
	Hello    []byte // an encoded Hello; nil: none
}

// AppendTo appends the packet with its header to dst. A peer takes a body of
// MaxHandshake bytes.
func (p ConnPacket) AppendTo(dst []byte) []byte {
	start := len(dst)
	dst = AppendClassicHeader(dst, ClassicHeader{Type: ClassicConn, PacketID: p.PacketID})
	dst = binary.BigEndian.AppendUint16(dst, connFlags)
	dst = binary.BigEndian.AppendUint64(dst, p.ClientID)
	return appendConnJSON(dst, start, connJSON{Meta: p.Meta}, p.Hello)
}

// ParseConn parses the body of a ConnPacket whose header is h. Flags and
// members it does not know are ignored. A member for the hello that does not
// hold one is the same as none.
func ParseConn(h ClassicHeader, body []byte) (ConnPacket, error) {
	if len(body) < connFixed {
		return ConnPacket{}, classicMalformed(ClassicConn, "too short")
	}
	m, err := parseConnJSON(ClassicConn, body[connFixed:])
	if err != nil {
		return ConnPacket{}, err
	}
	return ConnPacket{
		PacketID: h.PacketID,
		ClientID: binary.BigEndian.Uint64(body[2:]),
		Meta:     m.Meta,
		Hello:    m.hello(),
	}, nil
}

// connJSON is the JSON of both handshake packets.
type connJSON struct {
	Meta  []byte          `json:"meta,omitempty"`
	Error string          `json:"error,omitempty"`
	G2    json.RawMessage `json:"_g2,omitempty"`
}

// appendConnJSON appends m and hello to dst and sets the length in the header
// that begins at start.
func appendConnJSON(dst []byte, start int, m connJSON, hello []byte) []byte {
	if len(hello) > 0 {
		text := make([]byte, 0, 2+base64.StdEncoding.EncodedLen(len(hello)))
		text = base64.StdEncoding.AppendEncode(append(text, '"'), hello)
		m.G2 = append(text, '"')
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // bytes, a string and base64 always have a JSON form
	}
	dst = append(dst, text...)
	length := len(dst) - start - ClassicHeaderLen
	binary.BigEndian.PutUint32(dst[start+ClassicHeaderLen-4:], uint32(length))
	return dst
}

func parseConnJSON(t ClassicType, b []byte) (m connJSON, err error) {
	if err := json.Unmarshal(b, &m); err != nil {
		return connJSON{}, classicMalformed(t, err.Error())
	}
	return m, nil
}

// hello decodes the raw member, nil if it holds no base64 string of a length
// that a hello can have.
func (m connJSON) hello() []byte {
	if len(m.G2) == 0 || m.G2[0] != '"' { // an array of numbers is bytes to encoding/json
		return nil
	}
	var b []byte
	if json.Unmarshal(m.G2, &b) != nil || len(b) < helloFixed || len(b) > MaxHello {
		return nil
	}
	return b
}
