package packet

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// resumeHello is one that carries a proof: 64, 65, … 95.
func resumeHello(role Role) Hello {
	h := noted(role)
	h.RefusalCode = CodeOK
	h.SessionID = [16]byte{0: 0xb0, 15: 0xb1}
	h.Resume = Resume{Epoch: 7, Position: 1 << 40}
	h.HasProof = true
	for i := range h.Proof {
		h.Proof[i] = 64 + byte(i)
	}
	return h
}

// The base64 was put together by hand: role, versions, nonce; field 1, 34 and
// 37; padding of 2, for these have 61 bytes with the head of the proof; proof.
func TestPacketsWithAProofHaveTheBytesOfTheSpecification(t *testing.T) { // W5, W9, W65
	const (
		hello = `AKChoqOkpaanqKmqq6ytrq8BAAQAAQAAIgAQsAAAAAAAAAAAAAAAAAAAsSUADAAAAAcAAAEAAAAAACkAAgAAKgAg`
		proof = `QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=`
	)
	assert.Equal(t,
		string(unhex(t, "01 01 0000000000000005 000000aa 1800 0000000000000009"))+`{"meta":"bQ==","_g2":"QwIC`+hello+proof+`"}`,
		string(ConnPacket{PacketID: 5, ClientID: 9, Meta: []byte("m"), Hello: AppendHello(nil, resumeHello(RoleClient))}.AppendTo(nil)))
	assert.Equal(t,
		string(unhex(t, "01 02 0000000000000005 0000009b 00 0000000000000009"))+`{"_g2":"UwIA`+hello+proof+`"}`,
		string(ConnAckPacket{PacketID: 5, ClientID: 9, Hello: AppendHello(nil, resumeHello(RoleServer))}.AppendTo(nil)))
}

func TestProofIsFoundWhateverStandsBeforeIt(t *testing.T) { // W65
	for shift := range 3 { // the flags and the instance move it by one byte each, modulo three
		for _, role := range []Role{RoleClient, RoleServer} {
			h := resumeHello(role)
			if shift > 0 {
				h.SessionFlags = SessionBound
			}
			if shift > 1 {
				h.Instance[3] = 4
			}
			hello := AppendHello([]byte("xy"), h)[2:] // it is the hello that counts, not the slice
			assert.Zero(t, (len(hello)-proofLen)%3)
			parsed, ok := ParseHello(hello, role)
			require.True(t, ok)
			assert.Equal(t, h, parsed)

			for n := range 4 {
				packets := [][]byte{
					ConnPacket{Meta: make([]byte, n), Hello: hello}.AppendTo(nil),
					ConnAckPacket{Error: strings.Repeat("<", n), Hello: hello}.AppendTo(nil),
				}
				for _, b := range packets {
					covered, proof, ok := SplitProof(b)
					require.True(t, ok)
					assert.Equal(t, h.Proof, proof)
					assert.Equal(t, b[:len(b)-46], covered)
					assert.Equal(t, len(covered), cap(covered))
				}
			}
		}
	}
}

func TestProofIsReplacedInItsPlace(t *testing.T) { // W65
	h := resumeHello(RoleClient)
	want := ConnPacket{Meta: []byte("m"), Hello: AppendHello(nil, h)}.AppendTo(nil)
	proof := h.Proof
	h.Proof = [32]byte{}
	b := ConnPacket{Meta: []byte("m"), Hello: AppendHello(nil, h)}.AppendTo(nil)
	SetProof(b, proof)
	assert.Equal(t, want, b)

	assert.Panics(t, func() { SetProof(ConnPacket{}.AppendTo(nil), proof) })
}

func TestWhereNoProofEndsAPacketNoneIsFound(t *testing.T) { // W65
	good := ConnPacket{Hello: AppendHello(nil, resumeHello(RoleClient))}.AppendTo(nil)
	changed := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[len(b)+at] = to
		return b
	}
	for name, b := range map[string][]byte{
		"nothing":             nil,
		"no hello":            ConnPacket{}.AppendTo(nil),
		"space behind":        append(bytes.Clone(good), ' '),
		"no bracket":          good[:len(good)-1],
		"no quote":            changed(-2, ' '),
		"not base64":          changed(-10, '*'),
		"a line break":        changed(-10, '\n'),
		"no padding":          changed(-3, 'A'),
		"two of padding":      changed(-4, '='),
		"bits behind the end": changed(-4, '9'),
		"no header before it": good[len(good)-46-ClassicHeaderLen+1:],
	} {
		_, _, ok := SplitProof(b)
		assert.False(t, ok, name)
	}
	_, _, ok := SplitProof(good[len(good)-46-ClassicHeaderLen:])
	assert.True(t, ok)
	for i := range good {
		_, _, ok := SplitProof(good[:i])
		assert.False(t, ok, i)
	}
}

func TestProofMustBeLastAlignedAndHaveWhatItIsAbout(t *testing.T) { // W65
	session := append([]byte{helloSessionID, 0, 16}, bytes.Repeat([]byte{1}, 16)...)
	resume := append([]byte{helloResume, 0, 12}, make([]byte, 12)...)
	proof := append([]byte{helloProof, 0, 32}, make([]byte, 32)...)
	pad := func(n byte) []byte { return append([]byte{helloPadding, 0, n}, make([]byte, n)...) }
	none := append([]byte{helloSessionID, 0, 16}, make([]byte, 16)...)
	unknown := []byte{99, 0, 0}
	for _, c := range []struct {
		name   string
		fields [][]byte
		good   bool
	}{
		{"all of it", [][]byte{session, resume, proof}, true}, // 20 + 19 + 15 + 3 is a multiple of three
		{"in another order", [][]byte{resume, unknown, session, proof}, true},
		{"padded by nothing", [][]byte{session, pad(0), resume, proof}, true},
		{"padded by one", [][]byte{session, resume, pad(1), proof}, false},
		{"padded by two", [][]byte{session, resume, pad(2), proof}, false},
		{"padded by three", [][]byte{session, resume, pad(3), proof}, false},
		{"padded twice", [][]byte{session, resume, pad(0), pad(0), proof}, false},
		{"a field behind", [][]byte{session, resume, proof, unknown}, false},
		{"a padding behind", [][]byte{session, resume, proof, pad(0)}, false},
		{"twice", [][]byte{session, resume, proof, proof}, false},
		{"of no session", [][]byte{resume, pad(1), proof}, false},
		{"of the session zero", [][]byte{none, resume, proof}, false},
		{"of no position", [][]byte{session, proof}, false},
		{"a position alone", [][]byte{session, resume}, false},
		{"a position twice", [][]byte{session, resume, resume, proof}, false},
		{"a short proof", [][]byte{session, resume, {helloProof, 0, 0}}, false},
		{"a padding alone", [][]byte{pad(1)}, true},
	} {
		b := AppendHello(nil, Hello{Role: RoleClient})
		for _, f := range c.fields {
			b = append(b, f...)
		}
		_, ok := ParseHello(b, RoleClient)
		assert.Equal(t, c.good, ok, c.name)
	}
}

func TestEveryTruncationOfAResumeIsNoHello(t *testing.T) { // W8
	whole := AppendHello(nil, resumeHello(RoleClient))
	head := AppendHello(nil, noted(RoleClient))
	fields := map[int]bool{helloFixed: true, len(head): true, len(head) + 3 + 16: true} // without the position
	for i := range whole {
		_, ok := ParseHello(whole[:i], RoleClient)
		assert.Equal(t, fields[i], ok, i)
	}
}

func TestLargestResumeIsSmall(t *testing.T) {
	h := fullHello
	h.HasProof, h.Proof, h.Resume = true, [32]byte{1}, Resume{1<<32 - 1, 1<<64 - 1}
	b := AppendHello(nil, h)
	assert.Less(t, len(b), MaxHello/8)
	got, ok := ParseHello(b, RoleServer)
	require.True(t, ok)
	assert.Equal(t, h, got)
}

func TestFlagsAndVerdictsHaveTheNumbersOfTheSpecification(t *testing.T) { // W9
	numbers := map[string]int{}
	for _, c := range rows(t, "12. Sessions") {
		numbers[c[1]] = number(t, c[0])
	}
	ours := map[string]int{
		"bound": int(SessionBound), "here only": int(SessionHereOnly), "unknown": int(VerdictUnknown),
		"stale": int(VerdictStale), "refused": int(VerdictRefused), "retry after": int(VerdictRetryAfter),
	}
	assert.Equal(t, ours, numbers)
}
