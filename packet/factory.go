package packet

import (
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/singchia/geminio/pkg/id"
)

// A PacketFactory hands out the ids that requests and messages show to the
// application.
type PacketFactory interface {
	// NewPacketID returns an id. It is called for each request and message that
	// is made, concurrently, and should not block.
	NewPacketID() uint64
}

// A Factory is a PacketFactory over an id counter.
type Factory struct{ ids *id.IDCounter }

var _ PacketFactory = (*Factory)(nil)

// NewPacketFactory returns a factory whose ids come from ids, or from
// id.DefaultIncIDCounter when that is nil.
func NewPacketFactory(ids *id.IDCounter) *Factory {
	if ids == nil {
		ids = id.DefaultIncIDCounter
	}
	return &Factory{ids}
}

// NewPacketID returns an id that is not zero. It may be called concurrently.
func (f *Factory) NewPacketID() uint64 { return f.ids.GetID() }

// NewRequestPacket returns a classic request of the method pattern for the
// default stream, with an id of its own.
func (f *Factory) NewRequestPacket(pattern, data []byte) *RequestPacket {
	return &RequestPacket{
		PacketID:  f.NewPacketID(),
		SessionID: 1,
		Data:      &RequestData{Key: pattern, Value: data},
	}
}

// A RequestPacket is a request in the classic format.
type RequestPacket struct {
	PacketID  uint64       // names the request
	SessionID uint64       // the stream; 1 is the default one
	Data      *RequestData // the body
}

// RequestData is the body of a RequestPacket. Empty members are left out of
// the encoding, but for the times.
type RequestData struct {
	Key      []byte         `json:"key,omitempty"`     // the method
	Value    []byte         `json:"value,omitempty"`   // the payload
	Topic    string         `json:"topic,omitempty"`   // not used by requests
	Custom   []byte         `json:"custom,omitempty"`  // travels beside the payload
	Error    string         `json:"error,omitempty"`   // not used by requests
	Timeout  time.Duration  `json:"timeout,omitempty"` // in nanoseconds; 0: none
	Deadline time.Time      `json:"deadline"`          // zero: none
	Context  RequestContext `json:"context"`           // the caller's
}

// RequestContext is what of a caller's context travels.
type RequestContext struct {
	Deadline time.Time `json:"deadline"` // zero: none
}

// Encode returns the classic bytes of the packet: header, stream and JSON. The
// error is ErrPacketTooLarge when they are more than MaxDecodablePacketLen
// without the header, or that of encoding/json for a time it cannot express.
func (p *RequestPacket) Encode() ([]byte, error) {
	text, err := json.Marshal(p.Data)
	if err != nil {
		return nil, err
	}
	length := 8 + len(text)
	if length > MaxDecodablePacketLen {
		return nil, ErrPacketTooLarge
	}
	b := make([]byte, 0, ClassicHeaderLen+length)
	b = AppendClassicHeader(b, ClassicHeader{Type: ClassicRequest, PacketID: p.PacketID, Length: uint32(length)})
	b = binary.BigEndian.AppendUint64(b, p.SessionID)
	return append(b, text...), nil
}
