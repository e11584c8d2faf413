package conn

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
)

// put queues n frames of size bytes, headers included.
func put(t testing.TB, c appender, class packet.Class, typ packet.Type, n, size int) {
	t.Helper()
	for range n {
		_, err := c.Append(class, packet.Header{Type: typ, Stream: 3}, make([]byte, size-packet.HeaderLen), nil, nil, nil)
		require.NoError(t, err)
	}
}

// sizes returns the bytes of fs by type.
func sizes(fs []frame) map[packet.Type]int {
	m := make(map[packet.Type]int)
	for _, f := range fs {
		m[f.Type] += packet.HeaderLen + len(f.payload)
	}
	return m
}

// types returns the types of fs, neighbours of one type once.
func types(fs []frame) (ts []packet.Type) {
	for _, f := range fs {
		if len(ts) == 0 || ts[len(ts)-1] != f.Type {
			ts = append(ts, f.Type)
		}
	}
	return ts
}

const kib = 1 << 10

func TestControlGoesFirstAndWhole(t *testing.T) {
	c := silent(false)
	put(t, c, packet.Bulk, packet.TypeData, 8, 32*kib)
	put(t, c, packet.Messages, packet.TypeMessage, 8, 32*kib)
	put(t, c, packet.Control, packet.TypeOpen, 10, 60*kib)
	fs := compose(t, c)
	require.Equal(t, []packet.Type{packet.TypeOpen, packet.TypeMessage, packet.TypeData}, types(fs))
	require.Equal(t, 600*kib, sizes(fs)[packet.TypeOpen])
}

func TestCallsGetAtMostThreeQuartersWhenBulkWaits(t *testing.T) {
	c := silent(false)
	put(t, c, packet.Messages, packet.TypeMessage, 40, 32*kib)
	put(t, c, packet.Bulk, packet.TypeData, 40, 32*kib)
	n := sizes(compose(t, c))
	require.Equal(t, batchSize*3/4, n[packet.TypeMessage])
	require.Equal(t, batchSize/4, n[packet.TypeData])
}

func TestCallsGetTheWholeBatchWhenNoBulkWaits(t *testing.T) {
	c := silent(false)
	put(t, c, packet.Messages, packet.TypeMessage, 40, 32*kib)
	require.Equal(t, batchSize, sizes(compose(t, c))[packet.TypeMessage])
}

func TestCallsGetTheWholeBatchWhenBulkIsHeldByTheCap(t *testing.T) {
	c := silent(false)
	c.flow.streamSent = replayLeast
	put(t, c, packet.Messages, packet.TypeMessage, 40, 32*kib)
	put(t, c, packet.Bulk, packet.TypeData, 1, 32*kib)
	n := sizes(compose(t, c))
	require.Equal(t, batchSize, n[packet.TypeMessage])
	require.Zero(t, n[packet.TypeData])
}

func TestBulkGetsAtLeastAQuarterAndWhatIsLeft(t *testing.T) {
	for _, tt := range []struct{ control, messages, bulk int }{
		{0, 0, batchSize}, {0, 1, batchSize - 32*kib}, {0, 6, batchSize / 4}, {0, 40, batchSize / 4},
		{20, 0, batchSize / 4}, {2, 1, batchSize - 96*kib}, {20, 40, batchSize / 4},
	} {
		c := silent(false)
		put(t, c, packet.Control, packet.TypeOpen, tt.control, 32*kib)
		put(t, c, packet.Messages, packet.TypeMessage, tt.messages, 32*kib)
		put(t, c, packet.Bulk, packet.TypeData, 40, 32*kib)
		require.Equal(t, tt.bulk, sizes(compose(t, c))[packet.TypeData], "%+v", tt)
	}
}

func TestEndLeavesInTheBatchThatTakesWhatStoodBeforeIt(t *testing.T) {
	c := silent(false)
	put(t, c, packet.Bulk, packet.TypeData, 1, 100)
	put(t, c, packet.Messages, packet.TypeMessage, 1, 100)
	c.AppendEnd(3)
	fs := compose(t, c)
	require.Equal(t, []packet.Type{packet.TypeMessage, packet.TypeData, packet.TypeEnd}, types(fs))
}

func TestEndWaitsForItsMarksAndForThoseBeforeIt(t *testing.T) {
	c := silent(false)
	put(t, c, packet.Bulk, packet.TypeData, 20, 32*kib)
	c.AppendEnd(3)
	put(t, c, packet.Bulk, packet.TypeData, 1, 32*kib)
	put(t, c, packet.Messages, packet.TypeMessage, 1, 100)
	c.AppendEnd(5)
	before := 0
	var all []frame
	for c.bulk.bytes() > 0 {
		all = append(all, compose(t, c)...)
		c.mu.Lock()
		require.NoError(t, c.acknowledged(at(0), c.pos))
		c.mu.Unlock()
	}
	var ends []uint32
	for _, f := range all {
		switch f.Type {
		case packet.TypeData:
			before++
		case packet.TypeEnd:
			ends = append(ends, f.Stream)
			if f.Stream == 3 {
				require.GreaterOrEqual(t, before, 20)
			} else {
				require.Equal(t, 21, before)
			}
		}
	}
	require.Equal(t, []uint32{3, 5}, ends)
	require.Empty(t, c.ends)
}

func TestCloseLeavesAfterAllElseAndClosedAfterClose(t *testing.T) {
	c := silent(false)
	c.state = open
	put(t, c, packet.Bulk, packet.TypeData, 20, 32*kib)
	c.AppendEnd(3)
	c.Shutdown(uint16(packet.CodeClosed), "bye")
	put(t, c, packet.Messages, packet.TypeMessage, 20, 32*kib) // what is queued later goes before it too
	c.mu.Lock()
	_, ok := c.step(closeReceived)
	c.mu.Unlock()
	require.True(t, ok)
	c.mu.Lock()
	c.farewell()
	c.mu.Unlock()
	var all []frame
	for range 20 {
		all = append(all, compose(t, c)...)
		c.mu.Lock()
		require.NoError(t, c.acknowledged(at(0), c.pos))
		c.mu.Unlock()
	}
	n := sizes(all)
	require.Equal(t, 640*kib, n[packet.TypeData])
	require.Equal(t, 640*kib, n[packet.TypeMessage])
	ts := types(all)
	require.Equal(t, []packet.Type{packet.TypeClose, packet.TypeClosed}, ts[len(ts)-2:])
	got, err := packet.ParseClose(all[len(all)-2].payload)
	require.NoError(t, err)
	require.Equal(t, packet.Close{Code: packet.CodeClosed, Text: []byte("bye")}, got)
}

func TestNothingCountedFollowsClose(t *testing.T) {
	c := silent(false)
	c.state = open
	c.Shutdown(uint16(packet.CodeClosed), "")
	require.Equal(t, []packet.Type{packet.TypeClose}, types(compose(t, c)))
	for _, class := range []packet.Class{packet.Control, packet.Messages, packet.Bulk} {
		_, err := c.Append(class, packet.Header{Type: packet.TypeCredit, Stream: 3}, make([]byte, 8), nil, nil, nil)
		require.Error(t, err)
	}
	_, _, err := c.AppendData(3, []byte("x"), false, nil)
	require.Error(t, err)
	c.AppendEnd(3)
	require.Empty(t, compose(t, c))
}

func TestAnEndThatIsDueDoesNotFollowClose(t *testing.T) {
	c := silent(false)
	c.AppendEnd(3)
	c.said = true
	require.Empty(t, compose(t, c))
}

func TestHeartbeatsGoBeforeTheBatchAndAreNotCounted(t *testing.T) {
	c := silent(false)
	put(t, c, packet.Control, packet.TypeOpen, 1, 100)
	compose(t, c)
	settleBatch(c)
	c.received.Store(5000)
	c.ackDue, c.beatDue = true, true
	require.NoError(t, c.handlePing(packet.Ping{Kind: packet.PingProbe, Opaque: 9}))
	put(t, c, packet.Messages, packet.TypeMessage, 1, 200)
	require.Len(t, compose(t, c), 1)
	require.EqualValues(t, 300, c.pos)

	fs := framesIn(t, c.out.uncounted)
	require.Equal(t, []packet.Type{packet.TypePong, packet.TypePing}, types(fs), "PONG has told what ACK would")
	answer, err := packet.ParsePong(fs[0].payload)
	require.NoError(t, err)
	require.Equal(t, packet.Pong{Kind: packet.PingProbe, Opaque: 9, Position: 5000}, answer)
	ping, err := packet.ParsePing(fs[1].payload)
	require.NoError(t, err)
	require.Equal(t, packet.Ping{Kind: packet.PingBeat, Position: 100}, ping, "where the PING stands, not where the batch ends")
}

func TestThePrefaceGoesOnceBeforeEverything(t *testing.T) {
	c := silent(false)
	require.Empty(t, compose(t, c))
	require.Empty(t, c.out.uncounted, "nothing is said before there is something to be said")
	c.beatDue = true
	compose(t, c)
	require.Equal(t, packet.Preface, string(c.out.uncounted[:4]))
	require.Len(t, framesIn(t, c.out.uncounted[4:]), 1)
	c.beatDue = true
	compose(t, c)
	require.Len(t, framesIn(t, c.out.uncounted), 1)
}

func TestEachKindOfPingIsAnswered(t *testing.T) {
	c := silent(false)
	for _, ping := range []packet.Ping{
		{Kind: packet.PingProbe, Opaque: 1}, {Kind: packet.PingProbe, Opaque: 2}, {Kind: packet.PingBeat, Opaque: 3},
	} {
		require.NoError(t, c.handlePing(ping))
	}
	compose(t, c)
	var opaques []uint64
	for _, f := range framesIn(t, c.out.uncounted[len(packet.Preface):]) {
		answer, err := packet.ParsePong(f.payload)
		require.NoError(t, err)
		opaques = append(opaques, answer.Opaque)
	}
	require.ElementsMatch(t, []uint64{2, 3}, opaques, "the newest of each kind")
}

func TestMarksAreReachedWhenTheirBytesAreComposed(t *testing.T) {
	c := silent(false)
	put(t, c, packet.Messages, packet.TypeMessage, 8, 32*kib)
	mark := append1(t, c, packet.Messages, 3, 92)
	w := waiter(t)
	require.False(t, c.Composed(packet.Messages, mark))
	require.False(t, c.AwaitComposed(packet.Messages, mark, w))
	compose(t, c)
	require.False(t, granted(w))
	compose(t, c)
	require.True(t, granted(w))
	require.True(t, c.AwaitComposed(packet.Messages, mark, w))
	require.True(t, c.Composed(packet.Messages, mark))
}
