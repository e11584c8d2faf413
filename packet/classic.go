package packet

import (
	"encoding/binary"
	"fmt"
)

// ClassicHeaderLen is the length of the header of a handshake packet.
const ClassicHeaderLen = 14

const classicVersion = 1

// ClassicType is the type in a classic header.
type ClassicType uint8

const (
	ClassicConn    ClassicType = 0x01 // the client's first packet
	ClassicConnAck ClassicType = 0x02 // the server's answer
	ClassicDisConn ClassicType = 0x11 // what follows a refusal
	ClassicRequest ClassicType = 0x71 // a RequestPacket, which no connection takes
)

// String returns what the packet is.
func (t ClassicType) String() string {
	switch t {
	case ClassicConn:
		return "connection packet"
	case ClassicConnAck:
		return "connection answer"
	case ClassicDisConn:
		return "disconnection packet"
	case ClassicRequest:
		return "classic request"
	}
	return fmt.Sprintf("classic type 0x%02x", uint8(t))
}

// A ClassicHeader stands before a handshake packet, big endian.
type ClassicHeader struct {
	Version  uint8       // always 1
	Type     ClassicType // which packet it is
	PacketID uint64      // chosen by the client; the answer repeats it
	Length   uint32      // of the body
}

// AppendClassicHeader appends h to dst. The version is always 1.
func AppendClassicHeader(dst []byte, h ClassicHeader) []byte {
	dst = append(dst, classicVersion, byte(h.Type))
	dst = binary.BigEndian.AppendUint64(dst, h.PacketID)
	return binary.BigEndian.AppendUint32(dst, h.Length)
}

// ParseClassicHeader reads a header from the first ClassicHeaderLen bytes of
// b. It judges nothing; Check does.
func ParseClassicHeader(b []byte) ClassicHeader {
	return ClassicHeader{
		Version:  b[0],
		Type:     ClassicType(b[1]),
		PacketID: binary.BigEndian.Uint64(b[2:]),
		Length:   binary.BigEndian.Uint32(b[10:]),
	}
}

// Check returns a *FormatError when the header is not one of the wanted type,
// or its length cannot be that of a handshake packet.
func (h ClassicHeader) Check(want ClassicType) error {
	if err := CheckPrefix([]byte{h.Version, byte(h.Type)}, want); err != nil {
		return err
	}
	least := connFixed
	switch want {
	case ClassicConnAck:
		least = connAckFixed
	case ClassicDisConn:
		least = 0
	}
	if h.Length < uint32(least) || h.Length > MaxHandshake {
		return classicMalformed(want, "length out of range")
	}
	return nil
}

// CheckPrefix judges the first one or two bytes that a peer sent and returns a
// *FormatError as soon as they cannot begin a packet of the wanted type.
func CheckPrefix(b []byte, want ClassicType) error {
	if len(b) > 0 && b[0] != classicVersion {
		return classicMalformed(want, "unknown version")
	}
	if len(b) > 1 && ClassicType(b[1]) != want {
		return classicMalformed(want, "another type")
	}
	return nil
}

func classicMalformed(t ClassicType, reason string) error {
	return &FormatError{Packet: t.String(), Reason: reason}
}
