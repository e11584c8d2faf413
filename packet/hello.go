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
	RoleClient Role = 'C' // the side that dialled
	RoleServer Role = 'S' // the side that was dialled
)

// A Hello is the member "_g2" of a handshake packet: it says that its sender
// speaks protocol 2, what it allows the peer from the first frame on, and
// whether the connection may go on over another transport. A field that is
// zero is not said.
type Hello struct {
	Role  Role     // which side wrote it
	Max   uint8    // client: newest version offered; server: version chosen
	Min   uint8    // client: oldest version offered; server: 0
	Nonce [16]byte // client: random; server: the client's

	MaxFrame      uint32     // largest payload taken; MaxPayload in version 2
	StreamWindow  uint32     // first Credit limit of the default stream
	MessageWindow uint32     // first CreditMessage limit of the default stream
	OpenCredit    CreditOpen // first CREDIT_OPEN
	CallCredit    CreditCall // first CREDIT_CALL
	MaxBody       uint32     // largest content taken; 0: MaxDecodablePacketLen
	HeartbeatMS   uint32     // interval of the beat; 0: 20 s
	RefusalCode   Code       // server: why the connection is refused

	KeyShare     [32]byte     // X25519; client: asks for a session; server: grants one
	Instance     [16]byte     // client: the server process that it knew; server: its own
	SessionID    [16]byte     // with HasProof the session that goes on, else server: the new one
	SessionFlags SessionFlags // what its sender can or wants
	GraceMS      uint32       // server: how long a session lives without a transport
	Resume       Resume       // said exactly with HasProof
	Verdict      Verdict      // server: why the session that was asked for does not go on

	Publisher      [16]byte // client: who it is to those that receive effectively once
	PublisherKnown bool     // server: what came from that publisher is remembered

	Proof    [32]byte // of the bytes that SplitProof gives
	HasProof bool     // Proof and Resume are there
}

const helloFixed = 4 + 16

// The fields of a Hello.
const (
	helloMaxFrame      = 1
	helloStreamWindow  = 2
	helloMessageWindow = 3
	helloOpenCredit    = 4
	helloCallCredit    = 5
	helloMaxBody       = 6
	helloHeartbeat     = 7
	helloRefusalCode   = 8

	helloKeyShare       = 32
	helloInstance       = 33
	helloSessionID      = 34
	helloSessionFlags   = 35
	helloGrace          = 36
	helloResume         = 37
	helloVerdict        = 38
	helloPublisher      = 39
	helloPublisherKnown = 40
	helloPadding        = 41
	helloProof          = 42
)

// helloLengths gives the length of each known field, the greatest one of the
// padding; 0: unknown.
var helloLengths = [...]int{
	helloMaxFrame: 4, helloStreamWindow: 4, helloMessageWindow: 4,
	helloOpenCredit: CreditOpenLen, helloCallCredit: CreditCallLen,
	helloMaxBody: 4, helloHeartbeat: 4, helloRefusalCode: 2,

	helloKeyShare: 32, helloInstance: 16, helloSessionID: 16, helloSessionFlags: 1,
	helloGrace: 4, helloResume: 12, helloVerdict: 5,
	helloPublisher: 16, helloPublisherKnown: 1,
	helloPadding: 2, helloProof: proofLen,
}

// AppendHello appends h to dst. A proof comes last, at a multiple of three
// bytes from the start of the hello: there SplitProof finds it in the packet.
func AppendHello(dst []byte, h Hello) []byte {
	start := len(dst)
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
	dst = appendSession(dst, &h)
	if h.HasProof {
		if rest := (len(dst) - start) % 3; rest != 0 { // the fields' own heads have 3 bytes
			pad := 3 - rest
			dst = append(dst, helloPadding, 0, byte(pad))
			dst = append(dst, make([]byte, pad)...)
		}
		dst = append(appendHelloHead(dst, helloProof), h.Proof[:]...)
	}
	return dst
}

// appendSession appends the fields that are about sessions and publishers, but
// for the proof.
func appendSession(dst []byte, h *Hello) []byte {
	if h.KeyShare != [32]byte{} {
		dst = append(appendHelloHead(dst, helloKeyShare), h.KeyShare[:]...)
	}
	dst = appendHelloID(dst, helloInstance, h.Instance)
	dst = appendHelloID(dst, helloSessionID, h.SessionID)
	if h.SessionFlags != 0 {
		dst = append(appendHelloHead(dst, helloSessionFlags), byte(h.SessionFlags))
	}
	dst = appendHello32(dst, helloGrace, h.GraceMS)
	if h.HasProof {
		dst = appendHelloHead(dst, helloResume)
		dst = binary.BigEndian.AppendUint32(dst, h.Resume.Epoch)
		dst = binary.BigEndian.AppendUint64(dst, h.Resume.Position)
	}
	if v := h.Verdict; v != (Verdict{}) {
		dst = append(appendHelloHead(dst, helloVerdict), byte(v.Code))
		dst = binary.BigEndian.AppendUint32(dst, v.DelayMS)
	}
	dst = appendHelloID(dst, helloPublisher, h.Publisher)
	if h.PublisherKnown {
		dst = append(appendHelloHead(dst, helloPublisherKnown), 1)
	}
	return dst
}

func appendHelloHead(dst []byte, field uint8) []byte {
	return binary.BigEndian.AppendUint16(append(dst, field), uint16(helloLengths[field]))
}

func appendHelloID(dst []byte, field uint8, id [16]byte) []byte {
	if id == [16]byte{} {
		return dst
	}
	return append(appendHelloHead(dst, field), id[:]...)
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
	var seen uint64
	for at := helloFixed; at < len(b); {
		if h.HasProof || len(b)-at < 3 { // nothing follows a proof
			return Hello{}, false
		}
		field, n := b[at], int(binary.BigEndian.Uint16(b[at+1:]))
		if at += 3; n > len(b)-at {
			return Hello{}, false
		}
		value := b[at : at+n]
		at += n
		if int(field) >= len(helloLengths) || helloLengths[field] == 0 {
			continue
		}
		if n > helloLengths[field] || n < helloLengths[field] && field != helloPadding || seen&(1<<field) != 0 {
			return Hello{}, false
		}
		seen |= 1 << field
		h.set(field, value)
	}
	if h.HasProof != (seen&(1<<helloResume) != 0) {
		return Hello{}, false
	}
	if h.HasProof && (h.SessionID == [16]byte{} || (len(b)-proofLen)%3 != 0) {
		return Hello{}, false
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
	case helloKeyShare:
		h.KeyShare = [32]byte(v)
	case helloInstance:
		h.Instance = [16]byte(v)
	case helloSessionID:
		h.SessionID = [16]byte(v)
	case helloSessionFlags:
		h.SessionFlags = SessionFlags(v[0])
	case helloGrace:
		h.GraceMS = binary.BigEndian.Uint32(v)
	case helloResume:
		h.Resume = Resume{binary.BigEndian.Uint32(v), binary.BigEndian.Uint64(v[4:])}
	case helloVerdict:
		h.Verdict = Verdict{VerdictCode(v[0]), binary.BigEndian.Uint32(v[1:])}
	case helloPublisher:
		h.Publisher = [16]byte(v)
	case helloPublisherKnown:
		h.PublisherKnown = v[0] != 0
	case helloProof:
		h.Proof, h.HasProof = [proofLen]byte(v), true
	}
}
