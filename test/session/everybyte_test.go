//go:build go1.25

package session

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/chaos"
	"github.com/singchia/geminio/test/harness"
)

// TestACutAtAnyByteIsNotNoticed cuts the first connection of an exchange behind
// each of its bytes, one run for each. GEMINIO_SOAK takes every byte; else it is
// every byte of the handshake, every border of two frames and the bytes beside
// it, and each seventh of the rest.
func TestACutAtAnyByteIsNotNoticed(t *testing.T) {
	for _, direction := range []chaos.Direction{chaos.Up, chaos.Down} {
		t.Run(fmt.Sprint(direction), func(t *testing.T) {
			harness.Virtual(t, func(t *testing.T) {
				whole := runExchange(nil, false)
				require.NoError(t, whole.err)
				require.True(t, whole.began)
				wire, other := whole.up.Bytes(), whole.down.Bytes()
				if direction == chaos.Down {
					wire, other = other, wire
				}
				require.Greater(t, len(wire)+len(other), 18<<10, "both ways")
				points, handshake := cutPoints(t, wire)
				began := time.Now()
				runs := 0
				for _, at := range points {
					fault := chaos.Fault(chaos.Reset{})
					if at%2 == 1 {
						fault = chaos.Close{}
					}
					for _, lazy := range []bool{false, true} {
						if lazy && at > handshake {
							continue // it makes no difference any more
						}
						runs++
						x := runExchange(chaos.Script{{Direction: direction, After: int64(at), Fault: fault}}, lazy)
						if !x.began && !lazy && at <= handshake {
							continue // nobody promised that the first dial succeeds
						}
						require.NoError(t, x.err, "cut after byte %d of %d, the handshake has %d", at, len(wire), handshake)
						require.True(t, x.began, "cut after byte %d of %d", at, len(wire))
					}
				}
				t.Logf("%d bytes, %d runs, %v of virtual time", len(wire), runs, time.Since(began).Round(time.Second))
			})
		})
	}
}

// cutPoints returns after which bytes of what went over a connection it is cut,
// and how long the handshake is.
func cutPoints(t *testing.T, wire []byte) (points []int, handshake int) {
	handshake = packet.ClassicHeaderLen + int(packet.ParseClassicHeader(wire).Length)
	at := handshake + len(packet.Preface)
	require.Equal(t, packet.Preface, string(wire[handshake:at]))
	wanted := map[int]bool{}
	for i := range at + 1 {
		wanted[i] = true
	}
	for at < len(wire) {
		at += packet.HeaderLen + packet.ParseHeader(wire[at:]).Length
		for _, i := range []int{at - 1, at, at + 1} {
			wanted[i] = true
		}
	}
	require.Equal(t, len(wire), at, "it ends with a whole frame")
	for i := range wire {
		if i%7 == 0 || soaks() {
			wanted[i] = true
		}
	}
	for i := range wanted {
		if i < len(wire) {
			points = append(points, i)
		}
	}
	slices.Sort(points)
	return points, handshake
}

// A tee keeps what goes over the client's side of a connection.
type tee struct {
	net.Conn
	up, down *record
}

// A record is what went one way. The connection may still add to it when it is
// looked at.
type record struct {
	mu  sync.Mutex
	all []byte
}

func (r *record) Write(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, p...)
}

func (r *record) Bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.all)
}

func (c tee) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.down.Write(p[:n])
	return n, err
}

func (c tee) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.up.Write(p[:n])
	return n, err
}

// pattern returns n bytes that differ from place to place.
func pattern(seed uint64, n int) []byte {
	b := make([]byte, 0, n+8)
	for i := seed << 32; len(b) < n; i++ {
		b = binary.BigEndian.AppendUint64(b, i*0x9e3779b97f4a7c15)
	}
	return b[:n]
}
