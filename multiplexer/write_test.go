package multiplexer

import (
	"bytes"
	"errors"
	"io"
	"math/rand"
	"net"
	"os"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/slab"
)

// withCredit returns a side whose default stream may send n bytes.
func withCredit(t testing.TB, n int) (*scripted, *Dialogue) {
	s := newScripted(t, func(c *Config) { c.Peer.StreamWindow = uint32(n) })
	return s, s.m.Default()
}

func pattern(n int) []byte {
	p := make([]byte, n)
	rand.New(rand.NewSource(int64(n))).Read(p)
	return p
}

func TestASmallWriteIsOneFrameAndWaitsForAllItsCredit(t *testing.T) {
	s, d := withCredit(t, wholeWrite-1)
	p := pattern(wholeWrite)
	done := beginWrite(d, p)
	until(t, "the write waits", d.sleeping)
	require.Empty(t, s.link.take(), "not a part of it is sent")
	s.credit(d.id, wholeWrite)
	require.Equal(t, result{wholeWrite, nil}, <-done)
	frames := s.link.take()
	require.Len(t, frames, 1)
	require.Equal(t, p, frames[0].b)

	s.credit(d.id, 1<<20)
	for n := 1; n <= wholeWrite; n += 273 {
		k, err := d.Write(p[:n])
		require.NoError(t, err)
		require.Equal(t, n, k)
		frames := s.link.take()
		require.Len(t, frames, 1)
		require.Equal(t, p[:n], frames[0].b)
	}
}

func TestALargeWriteTakesWhatCreditThereIs(t *testing.T) {
	s, d := withCredit(t, 100)
	p := pattern(300 << 10)
	done := beginWrite(d, p)
	until(t, "the write waits", d.sleeping)
	frames := s.link.take()
	require.Len(t, frames, 1)
	require.Len(t, frames[0].b, 100)
	s.credit(d.id, uint64(len(p)))
	require.Equal(t, result{int64(len(p)), nil}, <-done)
	require.Equal(t, p[100:], bytesOf(s.link.take(), d.id))
}

func TestCreditByTheByteDoesNotMakeAFrameForEach(t *testing.T) {
	s, d := withCredit(t, 0)
	p := pattern(10<<10 + 17)
	done := beginWrite(d, p)
	until(t, "the write waits", d.sleeping)
	for limit := 1; limit <= len(p); limit++ {
		s.credit(d.id, uint64(limit))
	}
	require.Equal(t, result{int64(len(p)), nil}, <-done)
	frames := s.link.take()
	require.Equal(t, p, bytesOf(frames, d.id))
	for _, f := range frames[:len(frames)-1] {
		require.GreaterOrEqual(t, len(f.b), leastPiece)
	}
}

func TestAWriteOfAnySizeIsCutIntoFramesOfTheWire(t *testing.T) {
	s, d := withCredit(t, 32<<20)
	p := pattern(11 << 20)
	n, err := d.Write(p)
	require.NoError(t, err)
	require.Equal(t, len(p), n)
	frames := s.link.take()
	require.True(t, bytes.Equal(p, bytesOf(frames, d.id)))
	for _, f := range frames {
		require.LessOrEqual(t, f.h.Length, packet.MaxPayload)
	}
}

func TestWritesAtOnceFollowEachOtherWhole(t *testing.T) {
	s, d := withCredit(t, 10)
	const writers, size = 8, 200 << 10
	var group sync.WaitGroup
	for i := range writers {
		group.Add(1)
		go func() {
			defer group.Done()
			n, err := d.Write(bytes.Repeat([]byte{byte(i)}, size))
			if n != size || err != nil {
				t.Errorf("write %d: %d, %v", i, n, err)
			}
		}()
	}
	for limit := uint64(10); limit < writers*size; {
		until(t, "a writer waits", d.sleeping)
		limit += uint64(1 + rand.Intn(100<<10))
		s.credit(d.id, limit)
	}
	group.Wait()
	got := bytesOf(s.link.take(), d.id)
	require.Len(t, got, writers*size)
	for len(got) > 0 {
		require.True(t, bytes.Equal(bytes.Repeat(got[:1], size), got[:size]))
		got = got[size:]
	}
}

func TestAWriteThatTimesOutTellsExactlyWhatIsDelivered(t *testing.T) {
	for _, row := range []struct{ credit, size, n int }{
		{0, 100, 0}, {99, 100, 0}, {99, wholeWrite, 0}, {wholeWrite - 1, wholeWrite, 0},
		{64, 10_000, 64}, {63, 10_000, 0}, {6000, 10_000, 6000}, {70_000, 200_000, 70_000},
	} {
		s, d := withCredit(t, row.credit)
		p := pattern(row.size)
		done := beginWrite(d, p)
		until(t, "the write waits", d.sleeping)
		require.NoError(t, d.SetWriteDeadline(time.Now().Add(-time.Second)))
		require.Equal(t, result{int64(row.n), os.ErrDeadlineExceeded}, <-done)
		n, err := d.Write(p)
		require.Equal(t, os.ErrDeadlineExceeded, err, "also with credit left")
		require.Zero(t, n)

		require.NoError(t, d.SetWriteDeadline(time.Time{}))
		s.credit(d.id, 1<<30)
		n, err = d.Write(p[row.n:])
		require.NoError(t, err)
		require.Equal(t, row.size-row.n, n)
		require.Equal(t, p, bytesOf(s.link.take(), d.id), "what was not counted is not sent")
	}
}

func TestAPastDeadlineWakesAWriteThatWaitsForRoomOrTheTurn(t *testing.T) {
	s, d := withCredit(t, 1<<20)
	s.link.setFull(true)
	first, second := beginWrite(d, make([]byte, 100)), beginWrite(d, make([]byte, 100))
	until(t, "both wait", func() bool { return d.sleeping() && d.inTurn() == 1 && s.link.waiting() == 1 })
	require.NoError(t, d.SetWriteDeadline(time.Now().Add(-time.Second)))
	require.Equal(t, result{0, os.ErrDeadlineExceeded}, <-first)
	require.Equal(t, result{0, os.ErrDeadlineExceeded}, <-second)
	require.Zero(t, s.link.waiting(), "nobody stands in line any more")
	s.link.setFull(false)
	require.NoError(t, d.SetWriteDeadline(time.Time{}))
	n, err := d.Write([]byte("x"))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, "x", string(bytesOf(s.link.take(), d.id)))
}

func TestADeadlineThatIsMovedAwayDoesNotEndAWrite(t *testing.T) {
	s, d := withCredit(t, 0)
	done := beginWrite(d, []byte("x"))
	until(t, "the write waits", d.sleeping)
	require.NoError(t, d.SetWriteDeadline(time.Now().Add(time.Hour)))
	d.writeExpired() // an older timer fires late
	require.NoError(t, d.SetWriteDeadline(time.Time{}))
	d.writeExpired()
	s.credit(d.id, 1)
	require.Equal(t, result{1, nil}, <-done)
}

func TestFINIsSentOnceAndBehindTheBytes(t *testing.T) {
	for range 100 {
		s, d := withCredit(t, 1<<20)
		var group sync.WaitGroup
		var mu sync.Mutex
		total := 0
		for range 3 {
			group.Add(2)
			go func() {
				defer group.Done()
				for {
					n, err := d.Write(make([]byte, 5000))
					mu.Lock()
					total += n
					mu.Unlock()
					if err != nil {
						return
					}
				}
			}()
			go func() { defer group.Done(); _ = d.CloseWrite() }()
		}
		group.Wait()
		frames := of(s.link.take(), packet.TypeData)
		require.Len(t, bytesOf(frames, d.id), total)
		fins := 0
		for _, f := range frames {
			if f.h.Flags&packet.FlagFIN != 0 {
				fins++
			}
		}
		require.Equal(t, 1, fins)
		require.NotZero(t, frames[len(frames)-1].h.Flags&packet.FlagFIN)
	}
}

func TestCloseWriteEndsAWriteThatWaitsAndSendsFINBehindItsBytes(t *testing.T) {
	s, d := withCredit(t, 70)
	write := beginWrite(d, make([]byte, 10_000))
	until(t, "the write waits", d.sleeping)
	waiting := beginWrite(d, make([]byte, 10))
	until(t, "another waits for the turn", func() bool { return d.inTurn() == 1 })
	require.NoError(t, d.CloseWrite())
	require.Equal(t, result{70, net.ErrClosed}, <-write)
	require.Equal(t, result{0, net.ErrClosed}, <-waiting)
	frames := of(s.link.take(), packet.TypeData)
	require.Len(t, frames, 2)
	require.Len(t, frames[0].b, 70)
	require.Zero(t, frames[0].h.Flags)
	require.Empty(t, frames[1].b)
	require.Equal(t, packet.FlagFIN, frames[1].h.Flags)
	require.NoError(t, d.CloseWrite())
	require.Empty(t, s.link.take())
	require.NotContains(t, s.overs(d), ClosedHere, "CloseWrite alone ends nothing")
	require.NoError(t, s.data(d.id, []byte("still read"), 0))
	b, err := io.ReadAll(io.LimitReader(d, 10))
	require.NoError(t, err)
	require.Equal(t, "still read", string(b))
}

func TestStopSendingEndsAWriteThatWaits(t *testing.T) {
	s, d := withCredit(t, 70)
	write := beginWrite(d, make([]byte, 10_000))
	until(t, "the write waits", d.sleeping)
	require.NoError(t, s.stop(d.id))
	r := <-write
	require.EqualValues(t, 70, r.n)
	var e *geminio.StreamError
	require.ErrorAs(t, r.err, &e)
	require.ErrorIs(t, r.err, io.ErrClosedPipe)
	s.link.take()
	s.credit(d.id, 1<<20)
	require.Empty(t, s.compose(), "nothing is sent or asked for any more")
}

func TestBlockedIsSaidOncePerLimitAndAlsoWithCreditLeft(t *testing.T) {
	s, d := withCredit(t, 100)
	write := beginWrite(d, make([]byte, 200))
	until(t, "the write waits", d.sleeping)
	require.Equal(t, []uint64{100}, saidBlocked(t, s.compose()))
	require.Empty(t, s.compose())
	require.NoError(t, d.SetWriteDeadline(time.Now().Add(-time.Second)))
	require.Equal(t, os.ErrDeadlineExceeded, (<-write).err)
	require.NoError(t, d.SetWriteDeadline(time.Time{}))
	write = beginWrite(d, make([]byte, 200))
	until(t, "the next write waits", d.sleeping)
	require.Empty(t, s.compose(), "it was said for this limit")
	s.credit(d.id, 150)
	until(t, "it waits again", func() bool { return len(s.m.dirtyNow()) == 1 && d.sleeping() })
	require.Equal(t, []uint64{150}, saidBlocked(t, s.compose()))
	s.credit(d.id, 200)
	require.Equal(t, result{200, nil}, <-write)
	require.Empty(t, s.compose())
}

func TestBlockedIsNotSaidWhenTheWriterHasGone(t *testing.T) {
	s, d := withCredit(t, 0)
	write := beginWrite(d, make([]byte, 200))
	until(t, "the write waits", d.sleeping)
	require.NoError(t, d.SetWriteDeadline(time.Now().Add(-time.Second)))
	<-write
	require.Empty(t, s.compose())
}

func (m *Multiplexer) dirtyNow() []*Dialogue {
	m.dmu.Lock()
	defer m.dmu.Unlock()
	return append([]*Dialogue(nil), m.dirty...)
}

// saidBlocked returns the limits that BLOCKED was said for.
func saidBlocked(t *testing.T, frames []frame) (at []uint64) {
	for _, f := range of(frames, packet.TypeBlocked) {
		b, err := packet.ParseBlocked(f.h, f.b)
		require.NoError(t, err)
		require.Equal(t, packet.BlockedStream, b.What)
		at = append(at, b.At)
	}
	return at
}

func TestALowerCreditIsAnError(t *testing.T) {
	s, d := withCredit(t, 100)
	var e *ProtocolError
	require.ErrorAs(t, s.frame(packet.TypeCredit, d.id, packet.AppendCredit(nil, packet.Credit{Limit: 50})), &e)
	require.NoError(t, s.frame(packet.TypeCredit, d.id, packet.AppendCredit(nil, packet.Credit{Limit: 100})), "the same")
}

func TestReadFromWritesUntilTheReaderEnds(t *testing.T) {
	s, d := withCredit(t, 1<<20)
	p := pattern(3*slab.Size + 11)
	n, err := io.Copy(d, iotest.HalfReader(bytes.NewReader(p)))
	require.NoError(t, err)
	require.EqualValues(t, len(p), n)
	require.True(t, bytes.Equal(p, bytesOf(s.link.take(), d.id)))

	broken := errors.New("broken")
	n, err = d.ReadFrom(io.MultiReader(bytes.NewReader(p[:9]), iotest.ErrReader(broken)))
	require.Equal(t, broken, err)
	require.EqualValues(t, 9, n)
	require.NoError(t, d.SetWriteDeadline(time.Now().Add(-time.Second)))
	n, err = d.ReadFrom(bytes.NewReader(p))
	require.Equal(t, os.ErrDeadlineExceeded, err)
	require.Zero(t, n)
}

func TestFINDoesNotOvertakeAFrameThatIsBeingAppended(t *testing.T) {
	s, d := withCredit(t, 1<<20)
	s.link.onData = func() {
		s.link.onData = nil
		require.NoError(t, d.CloseWrite())
	}
	n, err := d.Write(make([]byte, 100<<10))
	require.Equal(t, net.ErrClosed, err)
	frames := of(s.link.take(), packet.TypeData)
	require.Len(t, frames, 2)
	require.Len(t, frames[0].b, n)
	require.Equal(t, packet.FlagFIN, frames[1].h.Flags)
}

func TestAWriterWaitsWhileItsFramesWaitToBeWritten(t *testing.T) {
	x, y := tcpPair(t)
	client, server := pair(t, x, y)
	defer server.Close()
	defer client.Close()
	client.m.cfg.WriteQueue = 2
	d, err := client.m.Open(t.Context(), nil, "")
	require.NoError(t, err)
	far := <-server.accepted
	go func() { _, _ = io.Copy(io.Discard, far) }()
	for i := range 100 {
		n, err := d.Write(make([]byte, 1000))
		require.NoError(t, err)
		require.Equal(t, 1000, n)
		f := d.sendingHalf.frames
		require.Len(t, f.marks, 2)
		if i >= 2 { // the frame before the last two has been composed
			require.True(t, client.c.Composed(packet.Bulk, f.oldest()-2*1008))
		}
	}

	s := newScripted(t, nil)
	s.m.cfg.WriteQueue = 1
	d = s.mustOpen()
	s.link.notComposed = true
	n, err := d.Write([]byte("first"))
	require.NoError(t, err)
	require.Equal(t, 5, n)
	require.NoError(t, d.SetWriteDeadline(time.Now().Add(10*time.Millisecond)))
	n, err = d.Write([]byte("second"))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Zero(t, n)
}
