package conn

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
)

// sample has a frame of each way that frames go up.
func sample() []frame {
	return []frame{
		plain(packet.TypeOpened, 3, 0),
		data(3, 1),
		plain(packet.TypeRequest, 3, 60),
		data(5, wholeData),
		{packet.Header{Type: packet.TypeData, Stream: 5, Flags: packet.FlagFIN}, nil},
		data(5, wholeData+1),
		body(1),
		plain(200, 7, 33),
		body(3000),
		{packet.Header{Type: packet.TypeBody, Stream: 3, Flags: packet.FlagMORE}, body(20).payload},
		{packet.Header{Type: packet.TypeData, Stream: 5, Flags: packet.FlagFIN}, make([]byte, 5000)},
		plain(packet.TypeEnd, 3, 0),
	}
}

// handedUp is what of fs reaches the layer above.
func handedUp(fs []frame) (up []frame) {
	for _, f := range fs {
		f.Length = len(f.payload)
		if f.Type.Known() {
			up = append(up, f)
		}
	}
	return up
}

// parsing returns a connection that only parses.
func parsing(t testing.TB) (*Conn, *recorder) {
	c := idle(t)
	h := newRecorder(c)
	c.handler, c.down, c.flushFn = h, false, func() {}
	return c, h
}

func sameFrames(t testing.TB, want, got []frame) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, f := range want {
		require.Equal(t, f.Header, got[i].Header, "frame %d", i)
		require.True(t, bytes.Equal(f.payload, got[i].payload), "frame %d", i)
	}
}

func TestFramesCutAtEveryByteAcrossTwoReadsComeWhole(t *testing.T) {
	for _, f := range sample() {
		fs := []frame{plain(packet.TypeOpened, 3, 0), f, data(3, 1)}
		wire := encode(fs...)
		for cut := range len(wire) + 1 {
			c, h := parsing(t)
			require.NoError(t, c.parse(wire[:cut], nil))
			require.NoError(t, c.parse(wire[cut:], nil))
			require.False(t, c.in.part != nil || c.in.streaming)
			require.EqualValues(t, len(wire), c.in.pos)
			require.Empty(t, h.broken)
			sameFrames(t, handedUp(fs), h.frames)
		}
	}
}

func TestFramesReadByteByByteComeWhole(t *testing.T) {
	fs := sample()
	wire := encode(fs...)
	c, h := parsing(t)
	for i := range wire {
		require.NoError(t, c.parse(wire[i:i+1], nil))
	}
	require.Empty(t, h.broken)
	sameFrames(t, handedUp(fs), h.frames)
}

func TestThePositionCountsCompleteFramesOnly(t *testing.T) {
	wire := encode(data(3, 10), data(3, 5000), body(20))
	ends := []int{18, 18 + 5008, 18 + 5008 + 8 + 29}
	c, _ := parsing(t)
	complete := 0
	for i := range wire {
		require.NoError(t, c.parse(wire[i:i+1], nil))
		if complete < len(ends) && i+1 == ends[complete] {
			complete++
		}
		want := 0
		if complete > 0 {
			want = ends[complete-1]
		}
		require.EqualValues(t, want, c.in.pos, "after %d bytes", i+1)
	}
}

func TestLargeDataGoesUpAsItComesSmallDataInOnePart(t *testing.T) {
	wire := encode(data(3, 10000), data(3, 4000))
	c, h := parsing(t)
	for _, n := range []int{3, 5 + 100, 5000, 4900 + 8 + 1000, 3000} {
		require.NoError(t, c.parse(wire[:n], nil))
		wire = wire[n:]
	}
	require.Empty(t, wire)
	require.Equal(t, []int{100, 5000, 4900, 4000}, h.parts)
}

func TestPartsThatLieInTheSlabComeWithIt(t *testing.T) {
	s := slab.Get()
	defer s.Release()
	var seen []*slab.Slab
	c, h := parsing(t)
	h.keep = func(s *slab.Slab) { seen = append(seen, s) }
	wire := encode(data(3, 100), data(3, 100), data(3, 10000))
	n := copy(s.Bytes(), wire)
	require.NoError(t, c.parse(s.Bytes()[:150], s))
	require.NoError(t, c.parse(s.Bytes()[150:n], s))
	require.Equal(t, []*slab.Slab{s, nil, s}, seen, "what was put together lies elsewhere")
}

// TestAnyWaySmallWritesAreReadTheFramesComeWhole goes through a socket.
func TestAnyWaySmallWritesAreReadTheFramesComeWhole(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	a, b := tcpPair(t)
	_, h := start(a, Config{}, false)
	p := &peer{t: t, nc: b}
	fs := []frame{data(3, 40), plain(packet.TypeRequest, 3, 60), data(5, 5000), body(30), plain(201, 0, 9), data(5, 4096)}
	wire := p.bytesOf(fs...)
	for len(wire) > 0 {
		n := min(1+rnd.IntN(7), len(wire))
		_, err := b.Write(wire[:n])
		require.NoError(t, err)
		wire = wire[n:]
	}
	want := handedUp(fs)
	sameFrames(t, want, h.received(t, len(want)))
	require.NoError(t, b.Close())
	require.Error(t, h.ended(t))
}

// TestASlabThatIsKeptIsPinnedUntilItIsLetGo keeps the slab of the first part.
func TestASlabThatIsKeptIsPinnedUntilItIsLetGo(t *testing.T) {
	a, b := tcpPair(t)
	c := newConn(a, Config{}.withDefaults(), false, 7, nil, &packet.Hello{})
	h := newRecorder(c)
	var kept *slab.Slab
	h.keep = func(s *slab.Slab) {
		if kept == nil && s != nil {
			s.Retain()
			kept = s
		}
	}
	c.Start(h)
	p := &peer{t: t, nc: b}
	p.send(data(3, 10))
	h.received(t, 1)
	p.send(data(3, 10)) // the reader must take another slab now
	h.received(t, 2)
	require.Equal(t, slab.Size, c.Pinned())
	kept.Release()
	require.Zero(t, c.Pinned())
	require.NoError(t, b.Close())
	require.Error(t, h.ended(t))
}
