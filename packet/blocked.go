package packet

import "encoding/binary"

// BlockedLen is the length of the payload of BLOCKED.
const BlockedLen = 1 + 8

// BlockedWhat tells which credit a Blocked is about.
type BlockedWhat uint8

const (
	BlockedStream        BlockedWhat = 1 // Credit of the header's stream
	BlockedMessages      BlockedWhat = 2 // CreditMessage of the header's stream
	BlockedRequestBytes  BlockedWhat = 3 // CreditCall.RequestBytes
	BlockedResponseBytes BlockedWhat = 4 // CreditCall.ResponseBytes
	BlockedRequests      BlockedWhat = 5 // CreditCall.Requests
)

// A Blocked says that its sender waits for credit.
type Blocked struct {
	What BlockedWhat // which credit
	At   uint64      // the newest limit that the sender knows
}

// AppendBlocked appends the payload of v to dst.
func AppendBlocked(dst []byte, v Blocked) []byte {
	return binary.LittleEndian.AppendUint64(append(dst, byte(v.What)), v.At)
}

// ParseBlocked parses the payload of a BLOCKED with the header h, whose stream
// must suit what it is about.
func ParseBlocked(h Header, b []byte) (Blocked, error) {
	if len(b) != BlockedLen {
		return Blocked{}, malformed(TypeBlocked, "wrong length")
	}
	v := Blocked{BlockedWhat(b[0]), binary.LittleEndian.Uint64(b[1:])}
	switch v.What {
	case BlockedStream, BlockedMessages:
		if h.Stream == 0 {
			return Blocked{}, malformed(TypeBlocked, "stream is 0")
		}
	case BlockedRequestBytes, BlockedResponseBytes, BlockedRequests:
		if h.Stream != 0 {
			return Blocked{}, malformed(TypeBlocked, "stream not 0")
		}
	default:
		return Blocked{}, malformed(TypeBlocked, "unknown credit")
	}
	return v, nil
}
