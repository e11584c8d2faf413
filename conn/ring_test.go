package conn

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
)

// A filledRing is a ring with all that went into it.
type filledRing struct {
	ring
	all     []byte
	borders map[uint64]bool
	segs    []*segment
}

// fillRing keeps n frames, in pieces of one to four, in a few segments.
func fillRing(n int) *filledRing {
	r := &filledRing{borders: map[uint64]bool{0: true}}
	rnd := rand.New(rand.NewPCG(uint64(n), 1))
	var seg *segment
	for i := range n {
		length := rnd.IntN(3000)
		if seg == nil || segmentSize-seg.used < packet.HeaderLen+length {
			seg = newSegment()
			r.segs = append(r.segs, seg)
		}
		frame := packet.AppendHeader(nil, packet.Header{Type: packet.TypeMessage, Stream: 3, Length: length})
		frame = append(frame, bytes.Repeat([]byte{byte(i)}, length)...)
		start := seg.used
		seg.used += copy(seg.buf[start:], frame)
		r.all = append(r.all, frame...)
		r.push(piece{seg, start, seg.used}, uint64(len(r.all)))
		r.borders[uint64(len(r.all))] = true
	}
	for _, s := range r.segs {
		s.release() // the queue has done with it
	}
	return r
}

// rest returns what the ring repeats, in batches of about limit bytes.
func (r *filledRing) rest(t *testing.T, limit int) []byte {
	var out []byte
	for r.replays() {
		pieces, end := r.replay(nil, limit)
		require.NotEmpty(t, pieces)
		batch := 0
		for _, p := range pieces {
			require.Less(t, batch, limit, "the piece that begins below the limit is the last")
			out = append(out, p.bytes()...)
			batch += p.end - p.start
			p.seg.release()
		}
		require.True(t, r.borders[end])
	}
	return out
}

func TestARingRepeatsFromAnyBorder(t *testing.T) {
	for _, limit := range []int{1, 5000, 1 << 20} {
		pos := uint64(0)
		r := fillRing(80)
		for ; pos <= uint64(len(r.all)); pos++ {
			if !r.borders[pos] {
				continue
			}
			for near := pos; near < min(pos+20, uint64(len(r.all))); near++ {
				require.Equal(t, r.borders[near], r.border(near), "%d", near)
			}
			r.rewind(pos)
			require.True(t, bytes.Equal(r.all[pos:], r.rest(t, limit)), "from %d on", pos)
			require.Equal(t, len(r.all)-int(pos), r.bytes(), "what was received is not kept")
		}
		for _, s := range r.segs {
			require.Zero(t, s.refs)
		}
	}
}

func TestARepetitionThatIsCutBeginsAgain(t *testing.T) {
	r := fillRing(100)
	r.rewind(0)
	for range 5 {
		pieces, end := r.replay(nil, 1)
		for _, p := range pieces {
			p.seg.release()
		}
		require.NotZero(t, end)
		r.rewind(0)
	}
	require.True(t, bytes.Equal(r.all, r.rest(t, 10000)))
	require.False(t, r.replays())
}

func TestARingKeepsAPieceUntilAllOfItIsAcknowledged(t *testing.T) {
	r := fillRing(1000)
	require.Equal(t, len(r.all), r.bytes())
	for pos := uint64(0); pos < uint64(len(r.all)); pos += 777 {
		r.drop(pos)
		require.GreaterOrEqual(t, r.bytes(), len(r.all)-int(pos), "what is not acknowledged is there")
		first := r.kept[r.first]
		require.LessOrEqual(t, first.start(), pos)
		require.Greater(t, first.end, pos, "and no piece that is acknowledged")
		for _, k := range r.kept[r.first:] {
			require.Positive(t, k.seg.refs)
			require.True(t, bytes.Equal(r.all[k.start():k.end], k.bytes()))
		}
	}
	r.drop(uint64(len(r.all)))
	require.Zero(t, r.bytes())
	for _, s := range r.segs {
		require.Zero(t, s.refs)
	}
}

func TestNeighboursInASegmentAreOnePiece(t *testing.T) {
	r := fillRing(300)
	require.Len(t, r.kept, len(r.segs))
	for _, s := range r.segs {
		require.Equal(t, 1, s.refs)
	}
	r.clear()
}

func TestARingThatIsClearedKeepsNothing(t *testing.T) {
	r := fillRing(300)
	r.rewind(0)
	r.clear()
	require.Zero(t, r.bytes())
	require.False(t, r.replays())
	for _, s := range r.segs {
		require.Zero(t, s.refs)
	}
}

// An idle connection does not pay for what it once held.
func TestAnEmptyRingGivesItsSlotsBack(t *testing.T) {
	var r ring
	var pos uint64
	for range 300 {
		seg := newSegment()
		packet.PutHeader(seg.buf[:], packet.Header{Type: packet.TypeClosed})
		pos += packet.HeaderLen
		r.push(piece{seg, 0, packet.HeaderLen}, pos)
		seg.release()
	}
	r.drop(pos - 100*packet.HeaderLen)
	require.LessOrEqual(t, len(r.kept), 150, "slots are used again")
	require.Equal(t, 100*packet.HeaderLen, r.bytes())
	r.drop(pos)
	require.LessOrEqual(t, cap(r.kept), 64)
}
