package packet

import "encoding/binary"

// MessageFieldsLen is the length of what stands before the topic and the
// content of a MESSAGE.
const MessageFieldsLen = 8 + 8 + 1 + 1 + 4 + 2 + 4 + 4

// MessageRedelivered in MessageFields.Flags says that the message may have
// been delivered before.
const MessageRedelivered = 1

const maxCnss = 3

// MessageFields are the numbers of a message.
type MessageFields struct {
	ID        uint64 // correlates this exchange
	MessageID uint64 // stays the same over redelivery
	Cnss      uint8  // 0 unset, 1 at most, 2 at least, 3 effectively once
	Flags     uint8  // unknown bits are ignored
	TimeoutMS uint32 // the time that remains, in milliseconds; 0: no limit
	CustomLen uint32 // bytes of the content that are custom
	DataLen   uint32 // bytes of the content that are data, behind the custom ones
}

// A Message is published on the header's stream. With MORE it is an
// announcement: Custom and Data are nil, and the content follows in BODY
// frames, custom first.
type Message struct {
	MessageFields
	Topic  []byte // may be empty
	Custom []byte // travels beside Data
	Data   []byte // the payload
}

// MessageCost returns what a message takes of a CreditMessage limit: the
// length of its payload, were it all in one frame. So an empty message is not
// free.
func MessageCost(topicLen, customLen, dataLen int) int {
	return MessageFieldsLen + topicLen + customLen + dataLen
}

// AppendMessage appends the payload of a MESSAGE up to the content to dst. The
// topic must not be longer than MaxName.
func AppendMessage(dst []byte, f MessageFields, topic string) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, f.ID)
	dst = binary.LittleEndian.AppendUint64(dst, f.MessageID)
	dst = append(dst, f.Cnss, f.Flags)
	dst = binary.LittleEndian.AppendUint32(dst, f.TimeoutMS)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(topic)))
	dst = binary.LittleEndian.AppendUint32(dst, f.CustomLen)
	dst = binary.LittleEndian.AppendUint32(dst, f.DataLen)
	return append(dst, topic...)
}

// ParseMessage parses the payload of a MESSAGE with the header h.
func ParseMessage(h Header, b []byte) (Message, error) {
	if len(b) < MessageFieldsLen {
		return Message{}, malformed(TypeMessage, "too short")
	}
	m := Message{MessageFields: MessageFields{
		ID:        binary.LittleEndian.Uint64(b),
		MessageID: binary.LittleEndian.Uint64(b[8:]),
		Cnss:      b[16],
		Flags:     b[17],
		TimeoutMS: binary.LittleEndian.Uint32(b[18:]),
		CustomLen: binary.LittleEndian.Uint32(b[24:]),
		DataLen:   binary.LittleEndian.Uint32(b[28:]),
	}}
	topic := int(binary.LittleEndian.Uint16(b[22:]))
	if topic > MaxName {
		return Message{}, malformed(TypeMessage, "topic too long")
	}
	if m.Cnss > maxCnss {
		return Message{}, malformed(TypeMessage, "unknown consistency")
	}
	parts, reason := parseContent(h, b, MessageFieldsLen, topic, m.CustomLen, m.DataLen)
	if reason != "" {
		return Message{}, malformed(TypeMessage, reason)
	}
	m.Topic, m.Custom, m.Data = parts.name, parts.custom, parts.data
	return m, nil
}
