package e2e

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/harness"
	"github.com/singchia/geminio/test/memnet"
)

var tableLengths = []uint32{0, 1, 7, 8, 9, 10, 13, 64 << 10, 1<<21 - 1, 1<<31 - 1, 1<<32 - 1}

func TestNoFirstPacketButTheRightOneIsTaken(t *testing.T) {
	tg := newTarget(t, nil)
	bounded(t, func() {
		y := newTally()
		for typ := range 256 {
			for _, length := range tableLengths {
				y.work <- func() {
					b := append([]byte{1, byte(typ)}, make([]byte, 8)...)
					b = binary.BigEndian.AppendUint32(b, length)
					b = append(b, make([]byte, min(length, 128<<10))...)
					nc, err := tg.net.Dial()
					if err != nil {
						t.Error(err)
						return
					}
					defer nc.Close()
					y.mustEnd(t, nc, b, fmt.Sprintf("a first packet of type %#x and length %d", typ, length))
				}
			}
		}
		y.finish(t)
	})
	tg.serves(t)
}

func TestStrangersBytesAreTurnedAwayAtOnce(t *testing.T) {
	tg := newTarget(t, nil)
	deep := strings.Repeat(`{"meta":`, 15_000)
	body := func(json string) []byte {
		b := append([]byte{1, 1}, make([]byte, 8)...)
		b = binary.BigEndian.AppendUint32(b, uint32(10+len(json)))
		return append(append(b, make([]byte, 10)...), json...)
	}
	y := newTally()
	for name, b := range map[string][]byte{
		"HTTP":               []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		"HTTP/2":             []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		"a TLS hello":        []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
		"SSH":                []byte("SSH-2.0-OpenSSH_9.6\r\n"),
		"another version":    {2, 1},
		"one wrong byte":     {0},
		"the second wrong":   {1, 2},
		"deep JSON":          body(deep),
		"deep arrays":        body(strings.Repeat("[", 100_000)),
		"a wrong type":       body(`{"meta":5}`),
		"bad base64":         body(`{"meta":"***"}`),
		"bytes behind":       body(`{"meta":""}{}`),
		"no JSON":            body("hello"),
		"a huge number":      body(`{"meta":` + strings.Repeat("9", 100_000) + `}`),
		"nothing but zeroes": make([]byte, 4096),
	} {
		y.work <- func() {
			nc, err := tg.net.Dial()
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			y.mustEnd(t, nc, b, name)
		}
	}
	y.finish(t)
	tg.serves(t)
}

func TestNoFrameEndsMoreThanItsConnection(t *testing.T) {
	tg := newTarget(t, nil)
	bounded(t, func() {
		y := newTally()
		for typ := range 256 {
			for _, length := range tableLengths[:9] {
				for stream := range uint32(2) {
					y.work <- func() {
						nc, err := tg.net.Dial()
						if err != nil {
							t.Error(err)
							return
						}
						defer nc.Close()
						r, err := harness.Shake(nc, harness.RawHello())
						if err != nil {
							t.Error(err)
							return
						}
						h := packet.Header{Type: packet.Type(typ), Length: int(length), Stream: stream}
						b := packet.AppendHeader(nil, h)
						b = append(b, make([]byte, min(length, packet.MaxPayload))...)
						if h.Check() != nil {
							y.mustEnd(t, r, b, fmt.Sprintf("%v of length %d on stream %d", h.Type, length, stream))
							return
						}
						_ = r.SetWriteDeadline(time.Now().Add(harness.Soon))
						_, _ = r.Write(b)
					}
				}
			}
		}
		y.finish(t)
	})
	tg.serves(t)
}

func TestAConversationMayBreakOffAtAnyByte(t *testing.T) {
	tg := newTarget(t, nil)
	hello := harness.ConnPacket(harness.RawHello())
	y := newTally()
	for i := range hello {
		y.work <- func() {
			nc, err := tg.net.Dial()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = nc.Write(hello[:i])
			nc.Close()
		}
	}
	frames := conversation()
	r := tg.raw(t)
	r.Send(frames)
	said, ended := r.Ended(harness.Soon)
	require.True(t, ended)
	require.True(t, said == nil || said.Code != packet.CodeProtocol, "the conversation itself is wrong: %+v", said)
	for i := range frames {
		// of the long bodies a few bytes will do
		if i > 600 && i < len(frames)-400 && i%1000 != 0 {
			continue
		}
		y.work <- func() { tg.play(t, frames[:i]) }
	}
	y.finish(t)
	tg.serves(t)
}

func TestRandomBytesHurtNobody(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewSource(seed))
	sopts := harness.ServerOptions()
	sopts.SetLimits(options.Limits{MaxRunningCalls: 8, MaxWaitingCalls: 8})
	tg := newTarget(t, sopts)
	frames := conversation()
	bounded(t, func() {
		y := newTally()
		for i := range 1000 {
			var b []byte
			switch i % 3 {
			case 0: // noise
				b = make([]byte, rng.Intn(4096))
				rng.Read(b)
			case 1: // a conversation with a few bytes changed
				b = append(b, frames...)
				for range 1 + rng.Intn(8) {
					b[rng.Intn(len(b))] = byte(rng.Intn(256))
				}
			case 2: // known headers with noise behind them
				for range 1 + rng.Intn(20) {
					payload := make([]byte, rng.Intn(64))
					rng.Read(payload)
					b = append(b, harness.Frame(packet.Type(rng.Intn(0x2c)), packet.Flags(rng.Intn(4)), uint32(rng.Intn(5)), payload)...)
				}
			}
			y.work <- func() { tg.play(t, b) }
		}
		y.finish(t)
	})
	tg.serves(t)
}

func TestAThousandSilentConnectionsDelayNobodyAndAreEnded(t *testing.T) {
	sopts := harness.ServerOptions()
	sopts.SetLimits(options.Limits{HandshakeTimeout: 3 * time.Second})
	tg := newTarget(t, sopts)
	var silent []*memnet.Conn
	hello := harness.ConnPacket(harness.RawHello())
	for i := range 1000 {
		nc, err := tg.net.DialConn()
		require.NoError(t, err)
		defer nc.Close()
		_, err = nc.Write(hello[:[]int{0, 1, len(hello) - 1}[i%3]])
		require.NoError(t, err)
		silent = append(silent, nc)
	}
	for range 5 {
		tg.serves(t)
	}
	for _, nc := range silent {
		require.NoError(t, nc.SetReadDeadline(time.Now().Add(8*time.Second)))
		_, err := nc.Read(make([]byte, 1))
		var ne net.Error
		require.False(t, isTimeout(err, &ne), "a silent connection is kept")
	}
}
