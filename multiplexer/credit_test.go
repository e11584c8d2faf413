package multiplexer

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/credit"
	"github.com/singchia/geminio/pkg/slab"
)

// limits returns what the CREDIT frames among frames allow.
func limits(t *testing.T, frames []frame) (all []uint64) {
	for _, f := range of(frames, packet.TypeCredit) {
		c, err := packet.ParseCredit(f.b)
		require.NoError(t, err)
		all = append(all, c.Limit)
	}
	return all
}

// flow has the peer send n bytes, in frames of 64 KiB, and reads them.
func (s *scripted) flow(d *Dialogue, n int) {
	s.t.Helper()
	for n > 0 {
		k := min(n, packet.MaxPayload)
		require.NoError(s.t, s.data(d.id, make([]byte, k), 0))
		_, err := io.ReadFull(d, make([]byte, k))
		require.NoError(s.t, err)
		n -= k
	}
}

// composeAt is compose of one dialogue's credit at a given time.
func (s *scripted) composeAt(d *Dialogue, now time.Time, rtt time.Duration) []frame {
	s.link.take()
	d.compose(oweCredit, now, rtt)
	return s.link.take()
}

func TestCreditRisesWhenHalfTheWindowIsConsumed(t *testing.T) {
	const window = 256 << 10
	s := newScripted(t, nil)
	d := s.m.Default()
	s.flow(d, window/2-1)
	require.Empty(t, s.compose())
	require.Zero(t, s.link.kicks)
	s.flow(d, 1)
	require.NotZero(t, s.link.kicks, "the flusher is called")
	require.Equal(t, []uint64{window + window/2}, limits(t, s.compose()))
	require.Empty(t, s.compose())
}

func TestUnreadBytesGetNoCredit(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	for range 4 {
		require.NoError(t, s.data(d.id, make([]byte, 64<<10), 0))
	}
	require.Empty(t, s.compose())
	s.blocked(d.id, 256<<10)
	require.Empty(t, s.compose(), "nor does BLOCKED help")
}

func TestAWindowDoublesWhenConsumedWithinTwoRoundTripsAndFallsBackWhenIdle(t *testing.T) {
	const first, rtt = 256 << 10, 10 * time.Millisecond
	s := newScripted(t, func(c *Config) { c.MaxStreamWindow = 1 << 20 })
	d := s.m.Default()
	now := time.Now()
	raise := func(after time.Duration) (window uint64) {
		now = now.Add(after)
		s.flow(d, int(d.window.Limit()-consumedOf(d)))
		got := limits(t, s.composeAt(d, now, rtt))
		require.Len(t, got, 1)
		return got[0] - consumedOf(d)
	}
	require.EqualValues(t, first, raise(0), "the first raise has nothing to compare with")
	require.EqualValues(t, 2*first, raise(2*rtt-1))
	require.EqualValues(t, 2*first, raise(2*rtt), "slower: it stays")
	require.EqualValues(t, 4*first, raise(rtt))
	require.EqualValues(t, 4*first, raise(rtt), "the most there may be")
	require.EqualValues(t, 4*first, raise(credit.Idle))
	before := s.m.cfg.Budget.Left()
	require.EqualValues(t, first, raise(credit.Idle+1))
	require.Equal(t, before+3*first, s.m.cfg.Budget.Left(), "what it had more is given back")
}

// consumedOf returns what the application has taken, where all that came was.
func consumedOf(d *Dialogue) uint64 {
	return d.window.Limit() - uint64(room(d))
}

// room returns how much the peer may still send.
func room(d *Dialogue) int {
	n := 0
	for step := 16 << 20; step > 0; step /= 2 {
		probe := d.window
		if probe.Receive(n+step) == nil {
			n += step
		}
	}
	return n
}

func TestAnUnknownRoundTripDoublesNothing(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	now := time.Now()
	for range 3 {
		s.flow(d, room(d))
		got := limits(t, s.composeAt(d, now, 0))
		require.Len(t, got, 1)
		require.Equal(t, 256<<10, room(d))
	}
}

func TestBlockedStaysInForceUntilTheNextRaise(t *testing.T) {
	const window = 256 << 10
	s := newScripted(t, nil)
	d := s.m.Default()
	require.NoError(t, s.data(d.id, make([]byte, 100), 0))
	s.blocked(d.id, window)
	require.Empty(t, s.compose(), "not before what is there is read")
	_, err := d.Read(make([]byte, 60))
	require.NoError(t, err)
	require.Empty(t, s.compose())
	_, err = d.Read(make([]byte, 60))
	require.NoError(t, err)
	require.Equal(t, []uint64{window + 100}, limits(t, s.compose()))

	s.flow(d, 100)
	require.Empty(t, s.compose(), "the raise has answered it")
	s.blocked(d.id, window)
	require.Empty(t, s.compose(), "that limit is not the newest any more")
	s.blocked(d.id, window+100)
	require.Equal(t, []uint64{window + 200}, limits(t, s.compose()))
	s.blocked(d.id, window+200)
	require.Empty(t, s.compose(), "there is nothing to raise by")
}

func TestBlockedForMessagesGoesToTheReceiver(t *testing.T) {
	s := newScripted(t, nil)
	b := packet.AppendBlocked(nil, packet.Blocked{What: packet.BlockedMessages, At: 1})
	require.NoError(t, s.frame(packet.TypeBlocked, defaultStream, b))
	require.Len(t, s.got, 1)
}

func TestAFinishedStreamGetsNoCredit(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	for range 3 {
		require.NoError(t, s.data(d.id, make([]byte, 64<<10), 0))
	}
	require.NoError(t, s.data(d.id, make([]byte, 10), packet.FlagFIN))
	_, err := io.Copy(io.Discard, d)
	require.NoError(t, err)
	require.Empty(t, s.compose())
	s.blocked(d.id, 256<<10)
	require.Empty(t, s.compose())
}

func TestAnEmptyBudgetLeavesTheGuaranteedPartAndNoMore(t *testing.T) {
	const least = 4 << 10
	s := newScripted(t, func(c *Config) { c.StreamWindow = least })
	d := s.m.Default()
	s.m.cfg.Budget.Take(1 << 30)
	now, rtt := time.Now(), time.Second
	for range 3 {
		s.flow(d, room(d))
		require.Len(t, limits(t, s.composeAt(d, now, rtt)), 1)
		require.Equal(t, least, room(d), "fast, but there is nothing to grow by")
	}
	s.m.cfg.Budget.Give(1 << 20)
	s.flow(d, room(d))
	s.composeAt(d, now, rtt)
	require.Greater(t, room(d), least)
}

func TestBytesBeyondCreditAreAnErrorAndTakeNoMemory(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	in := slab.Get()
	defer in.Release()
	for range 3 {
		require.NoError(t, s.data(d.id, make([]byte, 64<<10), 0))
	}
	require.NoError(t, s.data(d.id, make([]byte, 64<<10-100), 0))
	unread, chunks := s.m.unread.Load(), d.receiving.buffer.tail
	allocs := testing.AllocsPerRun(100, func() {
		h := packet.Header{Type: packet.TypeData, Stream: d.id, Length: 10_000}
		if d.window.Receive(101) == nil || s.m.HandleData(h, 0, in.Bytes()[:5000], in) == nil {
			t.Fatal("the peer may send more than its credit")
		}
	})
	require.LessOrEqual(t, allocs, 8.0, "the text of the error")
	require.False(t, in.Shared())
	require.Equal(t, unread, s.m.unread.Load())
	require.Same(t, chunks, d.receiving.buffer.tail)
	var e *ProtocolError
	require.ErrorAs(t, s.data(d.id, make([]byte, 101), 0), &e)
	require.NoError(t, s.data(d.id, make([]byte, 100), 0), "to the last byte is allowed")
}

func TestBytesBehindFINAreAnError(t *testing.T) {
	s := newScripted(t, nil)
	in := slab.Get()
	defer in.Release()
	require.NoError(t, s.data(defaultStream, []byte("x"), packet.FlagFIN))
	var e *ProtocolError
	require.ErrorAs(t, s.dataIn(defaultStream, in.Bytes()[:5000], 0, in), &e)
	require.ErrorAs(t, s.data(defaultStream, nil, packet.FlagFIN), &e)
	require.False(t, in.Shared())
}

func TestAFrameMayComeInPartsAndFINStandsOnItsLast(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	b := pattern(20_000)
	h := packet.Header{Type: packet.TypeData, Flags: packet.FlagFIN, Stream: d.id, Length: len(b)}
	for off := 0; off < len(b); off += 5000 {
		require.NoError(t, s.m.HandleData(h, off, b[off:off+5000], nil))
		s.m.EndBatch()
		require.Equal(t, off+5000 == len(b), d.receiving.err == io.EOF)
	}
	got, err := io.ReadAll(d)
	require.NoError(t, err)
	require.Equal(t, b, got)
}
