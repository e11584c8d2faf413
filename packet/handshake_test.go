package packet

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const exampleID = 0x6b011132d121432d

// noted is the hello of the examples: versions 2, nonce a0 to af, and two
// fields with the types and lengths of the wire.
func noted(role Role) Hello {
	h := Hello{Role: role, Max: 2, MaxFrame: 0x10000, RefusalCode: CodeRefused}
	if role == RoleClient {
		h.Min, h.RefusalCode = 2, CodeOK
	}
	for i := range h.Nonce {
		h.Nonce[i] = 0xa0 + byte(i)
	}
	return h
}

func TestConnPacketHasTheBytesOfTheClassicProtocol(t *testing.T) { // W2, W4, W5
	// version type, packet id, length, flags, wanted id, {"meta":"aGVsbG8tbWV0YQ=="}
	want := unhex(t, `01 01 6b011132d121432d 00000025 1800 1122334455667788
		7b226d657461223a226147567362473874625756305951 3d3d227d`)
	p := ConnPacket{PacketID: exampleID, ClientID: 0x1122334455667788, Meta: []byte("hello-meta")}
	assert.Equal(t, want, p.AppendTo(nil))
	assert.Equal(t, append([]byte("x"), want...), p.AppendTo([]byte("x")))
}

func TestConnAckPacketHasTheBytesOfTheClassicProtocol(t *testing.T) { // W2, W4, W5
	// version type, packet id, length, ret, given id, {}
	assert.Equal(t, unhex(t, "01 02 6b011132d121432d 0000000b 00 6b0111326e2ea062 7b7d"),
		ConnAckPacket{PacketID: exampleID, ClientID: 0x6b0111326e2ea062}.AppendTo(nil))
	// the same with ret 1, id 0, {"error":"no id for you"}
	assert.Equal(t, unhex(t, "01 02 6b011145a67d3ae9 00000022 01 0000000000000000 7b226572726f72223a226e6f20696420666f7220796f75227d"),
		ConnAckPacket{PacketID: 0x6b011145a67d3ae9, Ret: 1, Error: "no id for you"}.AppendTo(nil))
}

func TestHelloIsTheLastMemberOfTheJSON(t *testing.T) { // W5, W8
	hello := AppendHello(nil, noted(RoleClient))
	b := ConnPacket{Meta: []byte("m"), Hello: hello}.AppendTo(nil)
	assert.Equal(t, `{"meta":"bQ==","_g2":"`+base64.StdEncoding.EncodeToString(hello)+`"}`,
		string(b[ClassicHeaderLen+connFixed:]))
	b = ConnAckPacket{Hello: hello}.AppendTo(nil)
	assert.Equal(t, `{"_g2":"`+base64.StdEncoding.EncodeToString(hello)+`"}`, string(b[ClassicHeaderLen+connAckFixed:]))
}

func TestHandshakePacketsComeBackAsTheyWere(t *testing.T) {
	conn := ConnPacket{PacketID: 1, ClientID: 1<<64 - 1, Meta: []byte("\x00\xff<&>"), Hello: AppendHello(nil, noted(RoleClient))}
	got, err := ParseConn(split(t, conn.AppendTo(nil), ClassicConn))
	require.NoError(t, err)
	assert.Equal(t, conn, got)

	ack := ConnAckPacket{PacketID: 1<<64 - 1, Ret: 1, ClientID: 5, Error: `<no> "way"`, Hello: AppendHello(nil, noted(RoleServer))}
	gotAck, err := ParseConnAck(split(t, ack.AppendTo(nil), ClassicConnAck))
	require.NoError(t, err)
	assert.Equal(t, ack, gotAck)
}

// split returns the checked header and the body of a whole packet.
func split(t *testing.T, b []byte, want ClassicType) (ClassicHeader, []byte) {
	h := ParseClassicHeader(b)
	require.NoError(t, h.Check(want))
	require.Equal(t, len(b)-ClassicHeaderLen, int(h.Length))
	return h, b[ClassicHeaderLen:]
}

func TestEveryTruncationOfAHandshakePacketIsMalformed(t *testing.T) {
	conn := ConnPacket{Meta: []byte("m"), Hello: AppendHello(nil, noted(RoleClient))}.AppendTo(nil)[ClassicHeaderLen:]
	for i := range conn {
		_, err := ParseConn(ClassicHeader{}, conn[:i])
		requireMalformed(t, err, i)
	}
	ack := ConnAckPacket{Error: "no"}.AppendTo(nil)[ClassicHeaderLen:]
	for i := range ack {
		_, err := ParseConnAck(ClassicHeader{}, ack[:i])
		requireMalformed(t, err, i)
	}
}

func TestHandshakeJSONIsStrictButForUnknownMembers(t *testing.T) { // W5
	fixed := string(make([]byte, connFixed))
	for _, good := range []string{
		`{}`, `null`, `{} `, `{"META":"bQ=="}`, `{"x":[1,{}],"meta":"bQ=="}`, `{"meta":"AA==","meta":"bQ=="}`, `{"meta":null}`,
	} {
		_, err := ParseConn(ClassicHeader{}, []byte(fixed+good))
		assert.NoError(t, err, good)
	}
	for _, bad := range []string{
		``, `{`, `[]`, `1`, `"x"`, `{}x`, `{} {}`, `{"meta":1}`, `{"meta":"*"}`, `{"meta":"bQ"}`, `{"error":1}`, `{'meta':"bQ=="}`,
	} {
		_, err := ParseConn(ClassicHeader{}, []byte(fixed+bad))
		requireMalformed(t, err, bad)
	}
}

func TestFlagsOfAConnPacketAreIgnored(t *testing.T) { // W4
	p, err := ParseConn(ClassicHeader{}, []byte("\xff\xff\x00\x00\x00\x00\x00\x00\x00\x07{}"))
	require.NoError(t, err)
	assert.Equal(t, uint64(7), p.ClientID)
}

func TestAMemberThatHoldsNoHelloIsAsGoodAsNone(t *testing.T) { // W8
	whole := base64.StdEncoding.EncodeToString(AppendHello(nil, noted(RoleClient)))
	long := base64.StdEncoding.EncodeToString(make([]byte, MaxHello+1))
	array, err := json.Marshal([32]byte{'C', 2, 2})
	require.NoError(t, err)
	for _, raw := range []string{
		string(array), `null`, `1`, `true`, `{}`, `[]`, `[67,2,2,0]`, `""`, `"*"`, `"QwI="`, `"` + whole[:len(whole)-1] + `"`, `"` + long + `"`,
		`{"a":"` + strings.Repeat("x", 50000) + `"}`,
	} {
		p, err := ParseConn(ClassicHeader{}, []byte(string(make([]byte, connFixed))+`{"meta":"bQ==","_g2":`+raw+`}`))
		require.NoError(t, err)
		assert.Equal(t, "m", string(p.Meta))
		assert.Nil(t, p.Hello, "%.40s", raw)
	}
	longest := base64.StdEncoding.EncodeToString(make([]byte, MaxHello))
	p, err := ParseConn(ClassicHeader{}, []byte(string(make([]byte, connFixed))+`{"_g2":"`+longest+`"}`))
	require.NoError(t, err)
	assert.Len(t, p.Hello, MaxHello)
}

func TestHandshakeIsJudgedByItsFirstTwoBytes(t *testing.T) { // W3
	for i := 0; i < 256; i++ {
		err := CheckPrefix([]byte{byte(i)}, ClassicConn)
		assert.Equal(t, i == 1, err == nil, i)
		for _, want := range []ClassicType{ClassicConn, ClassicConnAck} {
			err = CheckPrefix([]byte{1, byte(i)}, want)
			assert.Equal(t, ClassicType(i) == want, err == nil, i)
			if err != nil {
				requireMalformed(t, err)
			}
		}
	}
	assert.NoError(t, CheckPrefix(nil, ClassicConn))
}

func TestLengthOfAHandshakePacketIsJudgedFromItsHeader(t *testing.T) { // W3
	for _, c := range []struct {
		t    ClassicType
		n    uint32
		good bool
	}{
		{ClassicConn, 9, false}, {ClassicConn, 10, true}, {ClassicConn, MaxHandshake, true}, {ClassicConn, MaxHandshake + 1, false},
		{ClassicConn, 1<<32 - 1, false}, {ClassicConnAck, 8, false}, {ClassicConnAck, 9, true}, {ClassicConnAck, MaxHandshake + 1, false},
		{ClassicDisConn, 0, true},
	} {
		h := ClassicHeader{1, c.t, 5, c.n}
		b := AppendClassicHeader(nil, h)
		require.Len(t, b, ClassicHeaderLen)
		require.Equal(t, h, ParseClassicHeader(b))
		err := h.Check(c.t)
		assert.Equal(t, c.good, err == nil, "%s of %d", c.t, c.n)
		requireMalformed(t, h.Check(ClassicRequest))
	}
	requireMalformed(t, ClassicHeader{2, ClassicConn, 5, 20}.Check(ClassicConn))
}

func TestLargestHandshakePacketsAreTakenByAPeer(t *testing.T) {
	hello := make([]byte, MaxHello)
	ack := ConnAckPacket{Error: strings.Repeat("\x00", MaxErrorText+1), Hello: hello}.AppendTo(nil)
	assert.NoError(t, ParseClassicHeader(ack).Check(ClassicConnAck))
	conn := ConnPacket{Meta: make([]byte, MaxPayload), Hello: hello}.AppendTo(nil)
	assert.NoError(t, ParseClassicHeader(conn).Check(ClassicConn))
}

var fullHello = Hello{
	Role: RoleServer, Max: 2, Min: 1, Nonce: [16]byte{0: 1, 15: 2},
	MaxFrame: 3, StreamWindow: 4, MessageWindow: 5, OpenCredit: CreditOpen{6, 7, 8},
	CallCredit: CreditCall{9, 10, 11}, MaxBody: 12, HeartbeatMS: 13, RefusalCode: 14,

	KeyShare: [32]byte{0: 15, 31: 16}, Instance: [16]byte{0: 17, 15: 18}, SessionID: [16]byte{0: 19, 15: 20},
	SessionFlags: SessionBound | SessionHereOnly, GraceMS: 21, Verdict: Verdict{VerdictRetryAfter, 22},
	Publisher: [16]byte{0: 23, 15: 24}, PublisherKnown: true,
}

func TestHelloHasTheBytesOfTheSpecification(t *testing.T) { // W8, W9
	want := unhex(t, `53 02 01 00 01000000000000000000000000000002
		01 0004 00000003
		02 0004 00000004
		03 0004 00000005
		04 000c 00000006 00000007 00000008
		05 0018 0000000000000009 000000000000000a 000000000000000b
		06 0004 0000000c
		07 0004 0000000d
		08 0002 000e
		20 0020 0f00000000000000000000000000000000000000000000000000000000000010
		21 0010 11000000000000000000000000000012
		22 0010 13000000000000000000000000000014
		23 0001 03
		24 0004 00000015
		26 0005 04 00000016
		27 0010 17000000000000000000000000000018
		28 0001 01`)
	assert.Equal(t, want, AppendHello(nil, fullHello))
	got, ok := ParseHello(want, RoleServer)
	require.True(t, ok)
	assert.Equal(t, fullHello, got)

	empty := Hello{Role: RoleClient}
	b := AppendHello(nil, empty)
	assert.Len(t, b, helloFixed, "what is zero is left out")
	got, ok = ParseHello(b, RoleClient)
	assert.True(t, ok)
	assert.Equal(t, empty, got)
}

func TestUnknownFieldsOfAHelloAreSkipped(t *testing.T) { // W9
	b := AppendHello(nil, Hello{Role: RoleClient})
	for _, field := range []byte{0, 9, 31, 43, 255, 255} {
		b = append(b, field, 0, 2, 1, 2)
	}
	b = append(b, helloMaxBody, 0, 4, 0, 0, 0, 7)
	got, ok := ParseHello(b, RoleClient)
	require.True(t, ok)
	assert.Equal(t, Hello{Role: RoleClient, MaxBody: 7}, got)
}

func TestAnythingWrongInAHelloMakesItNone(t *testing.T) { // W8
	whole := AppendHello(nil, fullHello)
	fields := map[int]bool{len(whole): true} // where a shorter hello ends as well
	for at := helloFixed; at < len(whole); at += 3 + int(binary.BigEndian.Uint16(whole[at+1:])) {
		fields[at] = true
	}
	require.Len(t, fields, 17)
	for i := range whole {
		_, ok := ParseHello(whole[:i], RoleServer)
		assert.Equal(t, fields[i], ok, "%d bytes", i)
	}
	_, ok := ParseHello(whole, RoleClient)
	assert.False(t, ok, "wrong role")
	_, ok = ParseHello(append(bytes.Clone(whole), make([]byte, (MaxHello+2)/3*3)...), RoleServer)
	assert.False(t, ok, "too long")

	for field := range helloLengths {
		if helloLengths[field] == 0 || field == helloPadding || field == helloResume || field == helloProof {
			continue // unknown, or with rules of its own
		}
		for _, n := range []int{0, helloLengths[field] - 1, helloLengths[field] + 1} {
			b := append(AppendHello(nil, Hello{Role: RoleClient}), byte(field), 0, byte(n))
			_, ok := ParseHello(append(b, make([]byte, n)...), RoleClient)
			assert.False(t, ok, "field %d with %d bytes", field, n)
		}
		one := append(appendHelloHead(nil, uint8(field)), make([]byte, helloLengths[field])...)
		b := append(AppendHello(nil, Hello{Role: RoleClient}), one...)
		_, ok := ParseHello(b, RoleClient)
		assert.True(t, ok)
		_, ok = ParseHello(append(b, one...), RoleClient)
		assert.False(t, ok, "field %d twice", field)
	}
}

func TestHelloFieldsAreThoseOfTheSpecification(t *testing.T) { // W9
	var spec []string
	for _, c := range rows(t, "2. Hello and the switch to protocol 2") {
		if len(c) == 3 && c[1] != "" && strings.Contains(c[2], ":") {
			spec = append(spec, fmt.Sprintf("%s %s", c[0], c[1]))
		}
	}
	var ours []string
	for field, n := range helloLengths {
		switch {
		case field == helloPadding:
			ours = append(ours, fmt.Sprintf("%d 0..%d", field, n))
		case n != 0:
			ours = append(ours, fmt.Sprintf("%d %d", field, n))
		}
	}
	assert.Equal(t, spec, ours)
}
