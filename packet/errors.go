package packet

import "errors"

// ErrMalformed is what every *FormatError is.
var ErrMalformed = errors.New("malformed packet")

// ErrPacketTooLarge is returned when a message, request, answer or encoded
// packet is larger than MaxDecodablePacketLen or than the peer takes.
var ErrPacketTooLarge = errors.New("packet payload too large")

// A FormatError is returned when bytes are not what the wire format demands.
// A connection on which a peer sent such bytes cannot go on.
type FormatError struct {
	Packet string // what was parsed, "DATA" for one
	Reason string // which rule is broken
}

// Error returns a text that names the packet and the reason.
func (e *FormatError) Error() string {
	return "malformed packet: " + e.Packet + ": " + e.Reason
}

// Is reports true for ErrMalformed.
func (e *FormatError) Is(target error) bool { return target == ErrMalformed }

func malformed(t Type, reason string) error {
	return &FormatError{Packet: t.String(), Reason: reason}
}
