package packet

import "encoding/binary"

// StopSendingLen is the length of the payload of STOP_SENDING.
const StopSendingLen = 4

// A StopSending says that the bytes of the stream are not wanted any more.
type StopSending struct {
	Code uint32 // a Code
}

// AppendStopSending appends the payload of v to dst.
func AppendStopSending(dst []byte, v StopSending) []byte {
	return binary.LittleEndian.AppendUint32(dst, v.Code)
}

// ParseStopSending parses the payload of a STOP_SENDING.
func ParseStopSending(b []byte) (StopSending, error) {
	if len(b) != StopSendingLen {
		return StopSending{}, malformed(TypeStopSending, "wrong length")
	}
	return StopSending{binary.LittleEndian.Uint32(b)}, nil
}
