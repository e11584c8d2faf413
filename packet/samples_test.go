package packet

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A codec is the pair of functions of one type, made comparable.
type codec struct {
	parse   func(Header, []byte) (any, error)
	discard func(Header, []byte) error // parse without boxing the value
	append  func([]byte, any) []byte
}

func withHeader[T any](parse func(Header, []byte) (T, error), appendTo func([]byte, T) []byte) codec {
	return codec{
		parse:   func(h Header, b []byte) (any, error) { return parse(h, b) },
		discard: func(h Header, b []byte) error { _, err := parse(h, b); return err },
		append:  func(dst []byte, v any) []byte { return appendTo(dst, v.(T)) },
	}
}

func plain[T any](parse func([]byte) (T, error), appendTo func([]byte, T) []byte) codec {
	return withHeader(func(_ Header, b []byte) (T, error) { return parse(b) }, appendTo)
}

// codecs has every type whose payload has fields.
var codecs = map[Type]codec{
	TypePing: plain(ParsePing, AppendPing),
	TypePong: plain(ParsePong, AppendPong),
	TypeAck:  plain(ParseAck, AppendAck),
	TypeClose: plain(ParseClose, func(dst []byte, v Close) []byte {
		return AppendClose(dst, v.Code, string(v.Text))
	}),
	TypeOpen:        plain(ParseOpen, AppendOpen),
	TypeCredit:      plain(ParseCredit, AppendCredit),
	TypeCreditOpen:  plain(ParseCreditOpen, AppendCreditOpen),
	TypeBlocked:     withHeader(ParseBlocked, AppendBlocked),
	TypeStopSending: plain(ParseStopSending, AppendStopSending),
	TypeReset: plain(ParseReset, func(dst []byte, v Reset) []byte {
		return AppendReset(dst, v.Code, string(v.Text))
	}),
	TypeRequest: withHeader(ParseRequest, func(dst []byte, v Request) []byte {
		dst = AppendRequest(dst, v.RequestFields, string(v.Name))
		return append(append(dst, v.Custom...), v.Data...)
	}),
	TypeResponse: withHeader(ParseResponse, func(dst []byte, v Response) []byte {
		dst = AppendResponse(dst, v.ResponseFields, string(v.Text))
		return append(append(dst, v.Custom...), v.Data...)
	}),
	TypeMessage: withHeader(ParseMessage, func(dst []byte, v Message) []byte {
		dst = AppendMessage(dst, v.MessageFields, string(v.Topic))
		return append(append(dst, v.Custom...), v.Data...)
	}),
	TypeMessageAck: plain(ParseMessageAck, func(dst []byte, v MessageAck) []byte {
		return AppendMessageAck(dst, v.ID, v.Code, string(v.Text))
	}),
	TypeBody: plain(ParseBody, func(dst []byte, v Body) []byte {
		return append(AppendBody(dst, v.BodyHead), v.Bytes...)
	}),
	TypeGrant:  plain(ParseGrant, AppendGrant),
	TypeCancel: plain(ParseCancel, AppendCancel),
	TypeRegister: plain(ParseRegister, func(dst []byte, v Register) []byte {
		return AppendRegister(dst, v.ID, v.Op, string(v.Name))
	}),
	TypeRegisterAck: plain(ParseRegisterAck, func(dst []byte, v RegisterAck) []byte {
		return AppendRegisterAck(dst, v.ID, v.Code, string(v.Text))
	}),
	TypeMethodDef: plain(ParseMethodDef, func(dst []byte, v MethodDef) []byte {
		return AppendMethodDef(dst, v.Index, string(v.Name))
	}),
	TypeCreditMessage: plain(ParseCreditMessage, AppendCreditMessage),
	TypeCreditCall:    plain(ParseCreditCall, AppendCreditCall),
}

// A sample is a frame with its bytes. Where a part of the payload has no
// length of its own, any beginning of it is a frame too: tail is where that
// part begins.
type sample struct {
	name   string
	header Header
	value  any // nil: the payload has no fields
	tail   int // 0: none
	hex    string
}

// The hex strings are header | payload; the header is length and flags in 3
// bytes, type, stream.
var samples = []sample{
	{"ping", Header{Type: TypePing, Length: 17}, Ping{PingProbe, 0x1122334455667788, 0x99}, 0,
		"110000 01 00000000 | 02 8877665544332211 9900000000000000"}, // kind, opaque, position
	{"pong", Header{Type: TypePong, Length: 17}, Pong{PingBeat, 5, 7}, 0,
		"110000 02 00000000 | 01 0500000000000000 0700000000000000"}, // kind, opaque, position
	{"ack", Header{Type: TypeAck, Length: 8}, Ack{1 << 40}, 0,
		"080000 03 00000000 | 0000000000010000"}, // position
	{"close", Header{Type: TypeClose, Length: 5}, Close{CodeProtocol, []byte("bad")}, 2,
		"050000 04 00000000 | 0b00 626164"}, // code, text
	{"closed", Header{Type: TypeClosed}, nil, 0, "000000 05 00000000 |"},
	{"data", Header{Type: TypeData, Length: 2, Stream: 3}, nil, 0, "020000 10 03000000 | 6869"},
	{"data with fin", Header{Type: TypeData, Flags: FlagFIN, Stream: 3}, nil, 0, "000020 10 03000000 |"},
	{"longest data", Header{Type: TypeData, Length: MaxPayload, Stream: 1}, nil, 0,
		"000001 10 01000000 |" + strings.Repeat("aa", MaxPayload)},
	{"open", Header{Type: TypeOpen, Length: 17, Stream: 0xfffffffe}, Open{0x40000, 0x10000, []byte("me"), []byte("you")}, 0,
		// streamWindow, messageWindow, metaLen, peerLen, meta, peer
		"110000 11 feffffff | 00000400 00000100 0200 0300 6d65 796f75"},
	{"opened", Header{Type: TypeOpened, Stream: 2}, nil, 0, "000000 12 02000000 |"},
	{"credit", Header{Type: TypeCredit, Length: 8, Stream: 2}, Credit{0x40000}, 0,
		"080000 13 02000000 | 0000040000000000"}, // limit
	{"credit open", Header{Type: TypeCreditOpen, Length: 12}, CreditOpen{128, 0x40000, 0x10000}, 0,
		"0c0000 14 00000000 | 80000000 00000400 00000100"}, // opens, streamWindow, messageWindow
	{"blocked stream", Header{Type: TypeBlocked, Length: 9, Stream: 4}, Blocked{BlockedStream, 9}, 0,
		"090000 15 04000000 | 01 0900000000000000"}, // what, at
	{"blocked calls", Header{Type: TypeBlocked, Length: 9}, Blocked{BlockedRequests, 9}, 0,
		"090000 15 00000000 | 05 0900000000000000"}, // what, at
	{"stop sending", Header{Type: TypeStopSending, Length: 4, Stream: 4}, StopSending{6}, 0,
		"040000 16 04000000 | 06000000"}, // code
	{"reset", Header{Type: TypeReset, Length: 6, Stream: 4}, Reset{8, []byte("no")}, 4,
		"060000 17 04000000 | 08000000 6e6f"}, // code, text
	{"end", Header{Type: TypeEnd, Stream: 4}, nil, 0, "000000 18 04000000 |"},
	{"request", Header{Type: TypeRequest, Length: 41, Stream: 1},
		Request{RequestFields{1, 2, 3, 0, 1, 2}, []byte("echo"), []byte("c"), []byte("da")}, 0,
		// id, requestID, timeoutMS, method, nameLen, customLen, dataLen, name, custom, data
		"290000 20 01000000 | 0100000000000000 0200000000000000 03000000 00000000 0400 01000000 02000000 6563686f 63 6461"},
	{"request by index", Header{Type: TypeRequest, Length: 34, Stream: 1},
		Request{RequestFields{1, 2, 0, 4096, 0, 0}, nil, nil, nil}, 0,
		"220000 20 01000000 | 0100000000000000 0200000000000000 00000000 00100000 0000 00000000 00000000"},
	{"announced request", Header{Type: TypeRequest, Flags: FlagMORE, Length: 35, Stream: 1},
		Request{RequestFields{1, 2, 0, 0, 0, 1 << 20}, []byte("e"), nil, nil}, 0,
		"230040 20 01000000 | 0100000000000000 0200000000000000 00000000 00000000 0100 00000000 00001000 65"},
	{"response", Header{Type: TypeResponse, Length: 26, Stream: 1},
		Response{ResponseFields{1, CodeError, 2, 1}, []byte("bad"), []byte("cu"), []byte("d")}, 0,
		// id, code, textLen, customLen, dataLen, text, custom, data
		"1a0000 21 01000000 | 0100000000000000 0100 0300 02000000 01000000 626164 6375 64"},
	{"announced response", Header{Type: TypeResponse, Flags: FlagMORE, Length: 20, Stream: 1},
		Response{ResponseFields{1, CodeOK, 0, 0x20000}, nil, nil, nil}, 0,
		"140040 21 01000000 | 0100000000000000 0000 0000 00000000 00000200"},
	{"message", Header{Type: TypeMessage, Length: 36, Stream: 1},
		Message{MessageFields{1, 2, 2, MessageRedelivered, 3, 1, 2}, []byte("t"), []byte("c"), []byte("da")}, 0,
		// id, messageID, cnss, flags, timeoutMS, topicLen, customLen, dataLen, topic, custom, data
		"240000 22 01000000 | 0100000000000000 0200000000000000 02 01 03000000 0100 01000000 02000000 74 63 6461"},
	{"announced message", Header{Type: TypeMessage, Flags: FlagMORE, Length: 32, Stream: 1},
		Message{MessageFields{1, 2, 3, 0, 0, 0x20000, 0}, nil, nil, nil}, 0,
		"200040 22 01000000 | 0100000000000000 0200000000000000 03 00 00000000 0000 00000200 00000000"},
	{"message ack", Header{Type: TypeMessageAck, Length: 12, Stream: 1}, MessageAck{7, CodeError, []byte("no")}, 10,
		"0c0000 23 01000000 | 0700000000000000 0100 6e6f"}, // id, code, text
	{"body", Header{Type: TypeBody, Flags: FlagMORE, Length: 11, Stream: 1}, Body{BodyHead{BodyMessage, 7}, []byte("xy")}, 9,
		"0b0040 24 01000000 | 03 0700000000000000 7879"}, // kind, id, bytes
	{"grant", Header{Type: TypeGrant, Length: 9, Stream: 1}, Grant{BodyRequest, 7}, 0,
		"090000 25 01000000 | 01 0700000000000000"}, // kind, id
	{"cancel", Header{Type: TypeCancel, Length: 9, Stream: 1}, Cancel{BodyResponse, 7}, 0,
		"090000 26 01000000 | 02 0700000000000000"}, // kind, id
	{"register", Header{Type: TypeRegister, Length: 10, Stream: 1}, Register{7, RegisterWithdraw, []byte("e")}, 9,
		"0a0000 27 01000000 | 0700000000000000 02 65"}, // id, op, name
	{"register ack", Header{Type: TypeRegisterAck, Length: 10, Stream: 1}, RegisterAck{7, CodeRefused, nil}, 10,
		"0a0000 28 01000000 | 0700000000000000 0800"}, // id, code, text
	{"method def", Header{Type: TypeMethodDef, Length: 8}, MethodDef{1, []byte("echo")}, 4,
		"080000 29 00000000 | 01000000 6563686f"}, // index, name
	{"credit message", Header{Type: TypeCreditMessage, Length: 8, Stream: 1}, CreditMessage{1 << 20}, 0,
		"080000 2a 01000000 | 0000100000000000"}, // limit
	{"credit call", Header{Type: TypeCreditCall, Length: 24}, CreditCall{1, 2, 3}, 0,
		"180000 2b 00000000 | 0100000000000000 0200000000000000 0300000000000000"}, // requests, requestBytes, responseBytes
}

// bytes returns the golden header and payload.
func (s sample) bytes(t testing.TB) (header, payload []byte) {
	b := unhex(t, s.hex)
	return b[:HeaderLen], b[HeaderLen:]
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "", "\n", "", "\t", "").Replace(s))
	require.NoError(t, err)
	return b
}

func forSamples(t *testing.T, test func(t *testing.T, s sample, header, payload []byte)) {
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			header, payload := s.bytes(t)
			test(t, s, header, payload)
		})
	}
}
