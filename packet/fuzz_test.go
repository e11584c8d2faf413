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
	f.Add(ConnPacket{PacketID: 1, ClientID: 2, Meta: []byte("meta"), Hello: hello}.AppendTo(nil))
	f.Add(ConnPacket{}.AppendTo(nil))
	f.Add(ConnAckPacket{PacketID: 1, ClientID: 2, Hello: hello}.AppendTo(nil))
	f.Add(ConnAckPacket{Ret: 1, Error: "no"}.AppendTo(nil))
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
		if p, err := ParseConn(h, body); err == nil {
			fuzzHello(t, p.Hello, RoleClient)
			again := p.AppendTo(nil)
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
