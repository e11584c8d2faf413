package packet

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzDecode: whatever is taken for a frame comes out the same when it is
// appended again, and whatever is not is malformed.
func FuzzDecode(f *testing.F) {
	for _, s := range samples {
		header, payload := s.bytes(f)
		f.Add(append(header, payload...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < HeaderLen {
			return
		}
		h := ParseHeader(b)
		if !bytes.Equal(AppendHeader(nil, h), b[:HeaderLen]) {
			t.Fatalf("header changed: %+v", h)
		}
		if err := h.Check(); err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		c, ok := codecs[h.Type]
		payload := b[HeaderLen:]
		if !ok || len(payload) < h.Length {
			return
		}
		payload = payload[:h.Length:h.Length]
		v, err := c.parse(h, payload)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if again := c.append(nil, v); !bytes.Equal(again, payload) {
			t.Fatalf("payload changed:\n%x\n%x", payload, again)
		}
	})
}

// FuzzHandshake: whatever is taken for a handshake packet or a hello means the
// same when it is written again.
func FuzzHandshake(f *testing.F) {
	hello := AppendHello(nil, fullHello)
	resume := AppendHello(nil, resumeHello(RoleClient))
	f.Add(ConnPacket{PacketID: 1, ClientID: 2, Meta: []byte("meta"), Hello: hello}.AppendTo(nil))
	f.Add(ConnPacket{}.AppendTo(nil))
	f.Add(ConnAckPacket{PacketID: 1, ClientID: 2, Hello: hello}.AppendTo(nil))
	f.Add(ConnAckPacket{Ret: 1, Error: "no"}.AppendTo(nil))
	f.Add(ConnPacket{Meta: []byte("meta"), Hello: resume}.AppendTo(nil))
	for _, bad := range [][]byte{
		append(resume[:len(resume):len(resume)], 0, 0, 0),                                  // a field behind the proof
		resume[:len(resume)-3-proofLen],                                                    // a position without proof
		append(append(resume[:helloFixed:helloFixed], 9, 0, 1, 0), resume[helloFixed:]...), // not aligned
		resume[:helloFixed+2], resume[:len(resume)-1], append(hello[:len(hello):len(hello)], helloPublisherKnown, 0, 1, 1),
	} {
		f.Add(ConnPacket{Hello: bad}.AppendTo(nil))
		f.Add(ConnAckPacket{Hello: append([]byte{byte(RoleServer)}, bad[1:]...)}.AppendTo(nil))
	}
	f.Add(ConnAckPacket{ClientID: 2, Hello: AppendHello(nil, resumeHello(RoleServer))}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < ClassicHeaderLen {
			return
		}
		h := ParseClassicHeader(b)
		prefix := errors.Join(CheckPrefix(b[:1], ClassicConn), CheckPrefix(b[:2], ClassicConn))
		if h.Check(ClassicConn) == nil && prefix != nil {
			t.Fatal(prefix)
		}
		body := b[ClassicHeaderLen:]
		fuzzProof(t, b)
		if p, err := ParseConn(h, body); err == nil {
			fuzzHello(t, p.Hello, RoleClient)
			again := p.AppendTo(nil)
			fuzzProofOf(t, again, p.Hello, RoleClient)
			q, err := ParseConn(ParseClassicHeader(again), again[ClassicHeaderLen:])
			if err != nil || !bytes.Equal(q.AppendTo(nil), again) {
				t.Fatalf("%v: %+v became %+v", err, p, q)
			}
		} else if !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
		if p, err := ParseConnAck(h, body); err == nil && len(p.Error) <= MaxErrorText {
			fuzzHello(t, p.Hello, RoleServer)
			again := p.AppendTo(nil)
			fuzzProofOf(t, again, p.Hello, RoleServer)
			q, err := ParseConnAck(ParseClassicHeader(again), again[ClassicHeaderLen:])
			if err != nil || q.Error != p.Error || !bytes.Equal(q.AppendTo(nil), again) {
				t.Fatalf("%v: %+v became %+v", err, p, q)
			}
		} else if err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
	})
}

func fuzzHello(t *testing.T, b []byte, role Role) {
	h, ok := ParseHello(b, role)
	if !ok {
		return
	}
	if again, ok := ParseHello(AppendHello(nil, h), role); !ok || again != h {
		t.Fatalf("%+v became %+v", h, again)
	}
}

// fuzzProof: a packet is what its proof covers, the proof and two characters,
// and nothing but the proof changes when that is replaced.
func fuzzProof(t *testing.T, b []byte) {
	covered, proof, ok := SplitProof(b)
	if !ok {
		return
	}
	again := bytes.Clone(b)
	SetProof(again, [32]byte{1})
	if got, set, ok := SplitProof(again); !ok || set != [32]byte{1} || !bytes.Equal(got, covered) {
		t.Fatalf("%x: replaced by %x", b, again)
	}
	SetProof(again, proof)
	if !bytes.Equal(again, b) {
		t.Fatalf("%x became %x", b, again)
	}
}

// fuzzProofOf: in a packet as this package writes it, the proof of the hello
// is where SplitProof looks for it.
func fuzzProofOf(t *testing.T, b, hello []byte, role Role) {
	h, ok := ParseHello(hello, role)
	if !ok || !h.HasProof {
		return
	}
	if _, proof, ok := SplitProof(b); !ok || proof != h.Proof {
		t.Fatalf("%x has another proof than %x", b, h.Proof)
	}
}
