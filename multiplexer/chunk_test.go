package multiplexer

import (
	"bytes"
	"io"
	"math/rand"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
)

// pinned returns a slab that is counted in n while anybody holds it.
func pinned(n *atomic.Int64) *slab.Slab {
	s := slab.Get()
	s.Pin(n)
	return s
}

func TestPartsAreCopiedBelow4KiBAndBelow32KiBWhereSlabsAreCrowded(t *testing.T) {
	const free = 1 << 20
	for _, row := range []struct {
		size, pinned, unread int
		copied               bool
	}{
		{1, 0, 0, true},
		{copyBelow - 1, 0, 0, true},
		{copyBelow, 0, 0, false},
		{copyBelow, free, 0, false},
		{copyBelow, free + 1, 0, true},
		{copyPinned - 1, free + 1, 0, true},
		{copyPinned, free + 1, 0, false},
		{copyBelow, free + 2*1000, 1000, false},
		{copyBelow, free + 2*1000 + 1, 1000, true},
		{slab.Size, 1 << 30, 0, false},
	} {
		s := newScripted(t, nil)
		d := s.mustOpen()
		for n := row.unread; n > 0; n -= min(n, 1000) {
			require.NoError(t, s.data(defaultStream, make([]byte, min(n, 1000)), 0))
		}
		s.link.pinned = row.pinned
		var count atomic.Int64
		in := pinned(&count)
		want := in.Bytes()[:row.size]
		require.NoError(t, s.dataIn(d.id, want, 0, in))
		require.Equal(t, !row.copied, in.Shared(), "%+v", row)
		in.Release()
		_, err := io.ReadFull(d, make([]byte, row.size))
		require.NoError(t, err)
		require.Zero(t, count.Load(), "%+v", row)
	}
}

func TestAPartOutsideASlabIsAlwaysCopied(t *testing.T) {
	s := newScripted(t, nil)
	b := pattern(copyPinned + 5)
	require.NoError(t, s.data(defaultStream, b, 0))
	want := bytes.Clone(b)
	clear(b)
	got := make([]byte, len(b))
	_, err := io.ReadFull(s.m.Default(), got)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestNoEndingLeaksASlab(t *testing.T) {
	endings := map[string]func(s *scripted, d *Dialogue){
		"read":           func(_ *scripted, d *Dialogue) { _, _ = io.ReadFull(d, make([]byte, 40_000)) },
		"WriteTo":        func(s *scripted, d *Dialogue) { _ = s.end(d.id); _, _ = d.WriteTo(io.Discard) },
		"Close":          func(_ *scripted, d *Dialogue) { _ = d.Close() },
		"CloseRead":      func(_ *scripted, d *Dialogue) { _ = d.CloseRead() },
		"Refuse":         func(_ *scripted, d *Dialogue) { d.Refuse(1, "") },
		"END and Close":  func(s *scripted, d *Dialogue) { _ = s.end(d.id); _ = d.Close() },
		"lost and Close": func(s *scripted, d *Dialogue) { s.m.HandleClosed(errGone); _ = d.Close() },
		"lost and read": func(s *scripted, d *Dialogue) {
			s.m.HandleClosed(errGone)
			_, _ = io.ReadFull(d, make([]byte, 40_000))
		},
	}
	for name, end := range endings {
		s := newScripted(t, nil)
		require.NoError(t, s.peerOpens(2))
		d := s.opened[0]
		var count atomic.Int64
		for range 4 {
			in := pinned(&count)
			require.NoError(t, s.dataIn(d.id, in.Bytes()[:5000], 0, in))
			require.NoError(t, s.dataIn(d.id, in.Bytes()[5000:10_000], 0, in))
			in.Release()
		}
		require.EqualValues(t, 4*slab.Size, count.Load(), name)
		end(s, d)
		require.Zero(t, count.Load(), name)
		require.Zero(t, s.m.unread.Load(), name)
		if name == "CloseRead" || name == "Close" {
			in := pinned(&count)
			require.NoError(t, s.dataIn(d.id, in.Bytes()[:5000], 0, in))
			in.Release()
			require.Zero(t, count.Load(), "what comes later is not kept")
		}
	}
}

// The memory of what is unread may not be many times the bytes in it.
func TestSmallPartsShareBuffers(t *testing.T) {
	var b buffer
	const n = 100_000
	for range n {
		b.put([]byte{1, 2, 3}, nil, true)
	}
	held := 0
	for c := b.head; c != nil; c = c.next {
		held += len(c.own)
	}
	require.LessOrEqual(t, held, 3*n+classes[len(classes)-1])
	require.Equal(t, 3*n, b.clear())
	require.Nil(t, b.head)
	require.Nil(t, b.tail)

	b.put([]byte{1}, nil, true)
	require.Len(t, b.head.own, classes[0], "a byte does not take a large buffer")
	b.clear()
}

func TestABufferIsAQueueOfBytes(t *testing.T) {
	seed := rand.Int63()
	t.Log("seed", seed)
	rnd := rand.New(rand.NewSource(seed))
	for range 15 {
		var b buffer
		var want []byte
		var count atomic.Int64
		for range 200 {
			switch rnd.Intn(4) {
			case 0:
				in := pinned(&count)
				part := in.Bytes()[:1+rnd.Intn(slab.Size)]
				rnd.Read(part[:min(len(part), 64)])
				want = append(want, part...)
				b.put(part, in, false)
				in.Release()
			case 1:
				part := make([]byte, 1+rnd.Intn(6000))
				rnd.Read(part)
				want = append(want, part...)
				b.put(part, nil, true)
			case 2:
				got := make([]byte, rnd.Intn(20_000))
				n := b.read(got)
				require.Equal(t, min(len(got), len(want)), n)
				require.True(t, bytes.Equal(want[:n], got[:n]))
				want = want[n:]
			case 3:
				if b.head == nil {
					continue
				}
				c := b.pop()
				k := rnd.Intn(len(c.b))
				require.True(t, bytes.Equal(want[:len(c.b)], c.b))
				c.b = c.b[k:]
				want = want[k:]
				b.size -= k
				b.pushFront(c)
			}
			require.Equal(t, len(want), b.size)
		}
		b.clear()
		require.Zero(t, count.Load())
	}
}

func TestAnEmptyPartWithFINIsNoChunk(t *testing.T) {
	s := newScripted(t, nil)
	require.NoError(t, s.data(defaultStream, nil, packet.FlagFIN))
	require.Nil(t, s.m.Default().receiving.buffer.head)
}
