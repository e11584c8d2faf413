package conn

import (
	"io"
	"time"

	"github.com/singchia/geminio/packet"
)

const (
	defaultHandshakeTimeout = 10 * time.Second

	// answerTimeout is how long a peer may take to take the server's answer.
	answerTimeout = 10 * time.Second

	// readStep is by how much the buffer of a handshake packet grows: with
	// the bytes that arrive, not with the length that is announced.
	readStep = 4 << 10
)

// readPacket reads one handshake packet of the wanted type, and returns it
// whole. It judges the first two bytes before it waits for more, the length
// before it waits for the body, and reads nothing beyond the packet.
func readPacket(r io.Reader, want packet.ClassicType) (packet.ClassicHeader, []byte, error) {
	raw := make([]byte, packet.ClassicHeaderLen)
	for at := 0; at < len(raw); {
		n, err := r.Read(raw[at:])
		at += n
		if err := packet.CheckPrefix(raw[:min(at, 2)], want); err != nil {
			return packet.ClassicHeader{}, nil, err
		}
		if err != nil && at < len(raw) {
			return packet.ClassicHeader{}, nil, err
		}
	}
	h := packet.ParseClassicHeader(raw)
	if err := h.Check(want); err != nil {
		return h, nil, err
	}
	for left := int(h.Length); left > 0; {
		n := min(left, max(readStep, len(raw)))
		start := len(raw)
		raw = append(raw, make([]byte, n)...)
		if _, err := io.ReadFull(r, raw[start:]); err != nil {
			return h, nil, err
		}
		left -= n
	}
	return h, raw, nil
}
