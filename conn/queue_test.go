package conn

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

// nobody is a driver that does nothing.
type nobody struct{}

func (nobody) startFlusher()  {}
func (nobody) stepped(effect) {}
func (nobody) ackSoon()       {}
func (nobody) beaten()        {}

// an appender is a session or a Conn.
type appender interface {
	Append(packet.Class, packet.Header, []byte, []byte, []byte, *wait.Waiter) (uint64, error)
	AppendData(uint32, []byte, bool, *wait.Waiter) (int, uint64, error)
}

// silent is an open session that composes only when the test says so.
func silent(retain bool) *session {
	s := &session{handler: sink{}, retain: retain}
	s.init(nobody{}, at(0))
	s.step(established)
	s.down = false
	return s
}

// framesIn cuts b, which must hold whole frames.
func framesIn(t testing.TB, b []byte) []frame {
	t.Helper()
	var fs []frame
	for len(b) > 0 {
		require.GreaterOrEqual(t, len(b), packet.HeaderLen, "a frame is split")
		h := packet.ParseHeader(b)
		require.GreaterOrEqual(t, len(b), packet.HeaderLen+h.Length, "a frame is split")
		fs = append(fs, frame{h, b[packet.HeaderLen : packet.HeaderLen+h.Length]})
		b = b[packet.HeaderLen+h.Length:]
	}
	return fs
}

func framesOf(t testing.TB, pieces []piece) (fs []frame) {
	t.Helper()
	for _, p := range pieces {
		fs = append(fs, framesIn(t, p.bytes())...)
	}
	return fs
}

func append1(t testing.TB, c appender, class packet.Class, stream uint32, n int) uint64 {
	t.Helper()
	mark, err := c.Append(class, packet.Header{Type: packet.TypeMessage, Stream: stream}, make([]byte, n), nil, nil, nil)
	require.NoError(t, err)
	return mark
}

func TestAppendCopiesItsPartsIntoOneFrame(t *testing.T) {
	c := silent(false)
	fields, a, b := []byte("fields"), []byte("aa"), []byte("bbb")
	mark, err := c.Append(packet.Messages, packet.Header{Type: packet.TypeMessage, Stream: 3, Flags: packet.FlagMORE, Length: 99}, fields, a, b, nil)
	require.NoError(t, err)
	require.EqualValues(t, packet.HeaderLen+11, mark)
	copy(fields, "xxxxxx")
	pieces, n := c.messages.compose(nil, batchSize)
	require.Equal(t, int(mark), n)
	fs := framesOf(t, pieces)
	require.Len(t, fs, 1)
	require.Equal(t, packet.Header{Type: packet.TypeMessage, Stream: 3, Flags: packet.FlagMORE, Length: 11}, fs[0].Header)
	require.Equal(t, "fieldsaabbb", string(fs[0].payload))
}

func TestComposeTakesTheFrameThatBeginsBelowTheLimitWhole(t *testing.T) {
	for _, tt := range []struct{ limit, frames int }{
		{1, 1}, {107, 1}, {108, 1}, {109, 2}, {216, 2}, {217, 3}, {1 << 20, 5},
	} {
		c := silent(false)
		for range 5 {
			append1(t, c, packet.Messages, 3, 100)
		}
		pieces, n := c.messages.compose(nil, tt.limit)
		require.Equal(t, tt.frames*108, n, "limit %d", tt.limit)
		require.Len(t, framesOf(t, pieces), tt.frames)
		require.Equal(t, (5-tt.frames)*108, c.messages.bytes())
	}
}

func TestDataIsCutToTheRoomOfTheSegmentButNotBelowLeastCut(t *testing.T) {
	const h = packet.HeaderLen
	for _, tt := range []struct{ room, len, want int }{
		{room: segmentSize, len: 1 << 20, want: packet.MaxPayload},
		{room: segmentSize, len: 10, want: 10},
		{room: h + 10000, len: 10000, want: 10000},
		{room: h + 10000, len: 10001, want: 10000},
		{room: h + 10000, len: 1 << 20, want: 10000},
		{room: h + leastCut, len: 1 << 20, want: leastCut},
		{room: h + leastCut - 1, len: 1 << 20, want: packet.MaxPayload},
		{room: h + leastCut - 1, len: 5000, want: 5000},
		{room: 3, len: 5000, want: 5000},
		{room: h + 4500, len: leastCut, want: leastCut},
		{room: h + 100, len: leastCut, want: leastCut},
	} {
		c := silent(false)
		if used := segmentSize - tt.room; used > 0 {
			c.bulk.space(used)
		}
		n, _, err := c.AppendData(3, make([]byte, tt.len), false, nil)
		require.NoError(t, err)
		require.Equal(t, tt.want, n, "%+v", tt)
	}
}

func TestFinStandsOnTheFrameThatTakesTheLastByte(t *testing.T) {
	c := silent(false)
	p := make([]byte, packet.MaxPayload+5)
	n, _, err := c.AppendData(3, p, true, nil)
	require.NoError(t, err)
	require.Equal(t, packet.MaxPayload, n)
	_, _, err = c.AppendData(3, p[n:], true, nil)
	require.NoError(t, err)
	_, _, err = c.AppendData(5, nil, true, nil)
	require.NoError(t, err)
	pieces, _ := c.bulk.compose(nil, 1<<20)
	fs := framesOf(t, pieces)
	require.Len(t, fs, 3)
	require.Zero(t, fs[0].Flags)
	require.Equal(t, packet.FlagFIN, fs[1].Flags)
	require.Equal(t, packet.FlagFIN, fs[2].Flags)
}

// waiter returns one that is given back at the end of the test.
func waiter(t testing.TB) *wait.Waiter {
	w := wait.New()
	t.Cleanup(w.Put)
	return w
}

func granted(w *wait.Waiter) bool {
	select {
	case <-w.C:
		return true
	default:
		return false
	}
}

func TestWritersGetRoomFirstComeFirstServedAsManyAsFit(t *testing.T) {
	c := silent(false)
	q := &c.bulk
	for q.bytes() < queueBound {
		append1(t, c, packet.Bulk, 3, 32<<10)
	}
	sizes := []int{queueBound / 2, queueBound / 2, 1}
	ws := make([]*wait.Waiter, len(sizes))
	for i, n := range sizes {
		ws[i] = waiter(t)
		require.False(t, q.admit(ws[i], n))
		require.False(t, q.admit(ws[i], n), "it stands in line already")
	}
	q.compose(nil, 1<<20)
	q.wake()
	require.True(t, granted(ws[0]))
	require.True(t, granted(ws[1]))
	require.False(t, granted(ws[2]), "the first two were given all the room")
	require.True(t, ws[0].Granted)

	late := waiter(t)
	require.False(t, q.admit(late, 1), "nobody overtakes who waits")
	require.True(t, q.admit(ws[1], sizes[1]), "the room is kept for who was given it")
	require.Equal(t, queueBound/2, q.given)

	q.withdraw(ws[0])
	require.True(t, granted(ws[2]), "who withdraws passes the room on")
	require.True(t, granted(late))
	require.Equal(t, 2, q.given)
	q.withdraw(ws[2])
	q.withdraw(late)
	require.Zero(t, q.given)
}

func TestRoomThatIsNotUsedIsForThoseInLineNotForNewcomers(t *testing.T) {
	c := silent(false)
	q := &c.bulk
	for q.bytes() < queueBound {
		append1(t, c, packet.Bulk, 3, 32<<10)
	}
	first, second := waiter(t), waiter(t)
	require.False(t, q.admit(first, queueBound))
	require.False(t, q.admit(second, 1))
	q.compose(nil, 1<<20)
	q.wake()
	require.True(t, granted(first))
	require.False(t, granted(second))
	require.True(t, q.admit(first, queueBound)) // and then it takes a little only
	newcomer := waiter(t)
	require.False(t, q.admit(newcomer, 1))
	q.wake()
	require.True(t, granted(second))
	q.withdraw(second)
	q.withdraw(newcomer)
}

func TestAWaiterThatLeavesTheLineLetsTheNextOnesIn(t *testing.T) {
	c := silent(false)
	q := &c.messages
	append1(t, c, packet.Messages, 3, 100)
	first, second := waiter(t), waiter(t)
	q.given = queueBound // as if others were coming back
	require.False(t, q.admit(first, 1))
	require.False(t, q.admit(second, 1))
	q.given = 0
	q.withdraw(first)
	require.True(t, granted(second))
	require.False(t, granted(first))
	q.withdraw(second)
}

func TestSegmentsGoBackWhenAllOfThemIsWritten(t *testing.T) {
	c := silent(false)
	append1(t, c, packet.Bulk, 3, 60<<10)
	append1(t, c, packet.Bulk, 3, 60<<10)
	first := c.bulk.head
	append1(t, c, packet.Bulk, 3, 60<<10)
	second := c.bulk.tail
	require.NotSame(t, first, second)

	compose(t, c)
	require.Equal(t, 1, first.refs, "the batch holds what the queue has let go")
	require.Equal(t, 2, second.refs, "the batch and the queue, which appends to it")
	settleBatch(c)
	require.Equal(t, 0, first.refs)
	require.Equal(t, 1, second.refs)
	c.bulk.idle()
	require.Nil(t, c.bulk.head)
	require.Equal(t, 0, second.refs)
}

func TestAnIdleConnectionKeepsNoSegment(t *testing.T) {
	c, _, p := withPeer(t, Config{}, false)
	for range 3 {
		append1(t, c, packet.Messages, 3, 100)
		p.want(packet.TypeMessage)
	}
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return !c.writing
	}, soon, 1e6)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, v := range c.out.vectors[:cap(c.out.vectors)] {
		require.Nil(t, v, "vector %d keeps a segment alive", i)
	}
	for _, q := range []*queue{&c.control, &c.messages, &c.bulk} {
		require.Nil(t, q.head)
	}
}

// settleBatch does what the flusher does after a write.
func settleBatch(c *session) {
	c.mu.Lock()
	c.settleBatch()
	c.mu.Unlock()
}

// compose composes a batch and returns its counted frames.
func compose(t testing.TB, c *session) []frame {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.compose(at(0))
	return framesOf(t, c.out.pieces)
}

func TestRetainedPiecesStayUntilTheyAreAcknowledged(t *testing.T) {
	c := silent(true)
	c.messages.grow() // so that all frames lie in one segment that the queue holds too
	seg := c.messages.head
	for i := range 3 {
		append1(t, c, packet.Messages, 3, 92)
		append1(t, c, packet.Bulk, 3, 92) // between the pieces of one segment
		compose(t, c)
		require.Equal(t, 3+i, seg.refs)
		settleBatch(c)
		require.Equal(t, 2+i, seg.refs)
		require.Equal(t, 200*(i+1), c.ring.bytes(), "written is not acknowledged")
	}
	acks := func(pos uint64) {
		c.mu.Lock()
		defer c.mu.Unlock()
		require.NoError(t, c.acknowledged(at(0), pos))
	}
	acks(99)
	require.Equal(t, 600, c.ring.bytes(), "a piece is kept until all of it is acknowledged")
	acks(100)
	require.Equal(t, 500, c.ring.bytes())
	require.Equal(t, 3, seg.refs)
	c.writing = false // the flusher has ended
	acks(600)
	require.Zero(t, c.ring.bytes())
	require.Equal(t, 0, seg.refs, "an idle session keeps no segment")
}

func TestAnAckFasterThanTheReturnOfTheWriteReleasesAtTheReturn(t *testing.T) {
	c := silent(true)
	append1(t, c, packet.Messages, 3, 92)
	append1(t, c, packet.Bulk, 3, 92)
	compose(t, c)
	seg := c.messages.head
	c.mu.Lock()
	require.NoError(t, c.acknowledged(at(0), 100))
	c.mu.Unlock()
	require.Equal(t, 2, seg.refs, "the write may still read it")
	settleBatch(c)
	require.Equal(t, 1, seg.refs)
	require.Len(t, c.ring.kept[c.ring.first:], 1, "the second piece is not acknowledged")
	require.EqualValues(t, 200, c.ring.kept[c.ring.first].end)
}
