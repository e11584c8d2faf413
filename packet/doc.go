// Package packet is the wire format and nothing else: it turns values into
// bytes and bytes into values. It knows no sockets, goroutines or clocks.
//
// Programs need of it ErrPacketTooLarge, MaxDecodablePacketLen, and PacketFactory
// with NewPacketFactory, and these alone are stable.
//
// It holds two formats. The handshake is a big-endian packet and its answer
// (ConnPacket, ConnAckPacket), whose JSON body carries a Hello. What follows
// is protocol 2: little-endian frames of an 8-byte Header and a payload of at
// most MaxPayload bytes. docs/wire.md is the specification; W numbers in
// comments and tests refer to it.
//
// A frame is read in this order: ParseHeader, Header.Check, and when the
// payload is there the Parse function of its type. AppendX appends a payload
// without its header, because only the connection knows when a frame is
// composed. Appending and parsing do not allocate. The slices of a parsed
// value alias the input, with their capacity cut to their length.
//
// # Concurrency and errors
//
// All functions may be called concurrently; values belong to whoever parsed or
// made them. What is parsed and not as the format demands is a *FormatError,
// after which a connection cannot go on. ErrPacketTooLarge is returned by those who would have to send what
// is too large, before anything is sent.
package packet
