package multiplexer

import (
	"context"
	"io"
	"math/rand"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
)

// appenders starts n goroutines that append messages to d until they may no
// more, and returns a function that waits for them.
func appenders(s *scripted, d *Dialogue, n int) (wait func() (appended int64)) {
	var group sync.WaitGroup
	var count atomic.Int64
	for range n {
		group.Add(1)
		go func() {
			defer group.Done()
			for d.Begin() {
				_, err := s.link.Append(packet.Messages, packet.Header{Type: packet.TypeMessage, Stream: d.id}, nil, nil, nil, nil)
				assert.NoError(s.t, err)
				count.Add(1)
				d.Finish()
			}
		}()
	}
	return func() int64 { group.Wait(); return count.Load() }
}

func TestEndIsQueuedOnceAndBehindEverythingAppended(t *testing.T) {
	for range 300 {
		s := newScripted(t, nil)
		d := s.mustOpen()
		s.link.take()
		done := appenders(s, d, 4)
		enders := []func(){
			func() { _ = d.Close() },
			func() { _ = d.Close() },
			func() { s.m.Close() },
			func() { assert.NoError(t, s.end(d.id)) },
		}
		rand.Shuffle(len(enders), func(i, j int) { enders[i], enders[j] = enders[j], enders[i] })
		var group sync.WaitGroup
		for _, end := range enders[:1+rand.Intn(len(enders))] {
			group.Add(1)
			go func() { defer group.Done(); end() }()
		}
		group.Wait()
		n := done()
		until(t, "END", func() bool { return d.appending.Load() == closingBit|endedBit })
		require.False(t, d.Begin())

		var mine []frame
		for _, f := range s.link.take() {
			if f.h.Stream == d.id && f.h.Type != packet.TypeCredit {
				mine = append(mine, f)
			}
		}
		require.Len(t, of(mine, packet.TypeEnd), 1)
		require.Equal(t, packet.TypeEnd, mine[len(mine)-1].h.Type, "END is the last")
		require.Len(t, mine, int(n)+1)
		require.Len(t, s.overs(d), 1, "HandleOver once")
	}
}

func TestResetOfThePeerLeavesNoEnd(t *testing.T) {
	for range 100 {
		s := newScripted(t, nil)
		d := s.mustOpen()
		s.link.take()
		done := appenders(s, d, 3)
		require.NoError(t, s.reset(d.id, 5, "why"))
		done()
		require.Empty(t, of(s.link.take(), packet.TypeEnd))
		require.Equal(t, []Ending{ClosedByPeer}, s.overs(d))
		require.NotContains(t, s.m.dialogues, d.id)
	}
}

func TestResetBehindEndHasItsEffect(t *testing.T) {
	s := newScripted(t, nil)
	d := s.mustOpen()
	require.True(t, d.Begin(), "keeps END back")
	require.NoError(t, s.end(d.id))
	require.NoError(t, s.reset(d.id, 5, "why"))
	require.NotContains(t, s.m.dialogues, d.id)
	s.link.take()
	d.Finish()
	require.Empty(t, s.link.take(), "RESET has ended this direction too")
	require.NoError(t, s.reset(d.id, 5, "why"), "the stream is retired")
}

func TestAnEndedStreamTakesNoBytesAndNoSecondEnd(t *testing.T) {
	s := newScripted(t, nil)
	d := s.mustOpen()
	require.True(t, d.Begin())
	require.NoError(t, s.end(d.id))
	require.Error(t, s.end(d.id))
	require.Error(t, s.data(d.id, []byte("x"), 0))
	require.Error(t, s.data(d.id, nil, packet.FlagFIN))
	d.Finish()
	require.NoError(t, s.data(d.id, []byte("x"), 0), "retired by now: dropped")
	require.NoError(t, s.end(d.id))
}

func TestCloseOfTheMultiplexerAsksForTheEndOnceBehindEveryEnd(t *testing.T) {
	for range 100 {
		s := newScripted(t, nil)
		all := []*Dialogue{s.m.Default()}
		for range 4 {
			all = append(all, s.mustOpen())
		}
		var waits []func() int64
		for _, d := range all {
			waits = append(waits, appenders(s, d, 2))
		}
		var group sync.WaitGroup
		for range 3 {
			group.Add(1)
			go func() { defer group.Done(); s.m.Close() }()
		}
		group.Wait()
		for _, wait := range waits {
			wait()
		}
		frames := s.link.take()
		require.Len(t, of(frames, packet.TypeEnd), len(all))
		require.Len(t, of(frames, packet.TypeClose), 1)
		require.Equal(t, packet.TypeClose, frames[len(frames)-1].h.Type)
		for _, d := range all {
			require.Equal(t, []Ending{ClosedHere}, s.overs(d))
		}
		_, err := s.m.Open(context.Background(), nil, "")
		require.Equal(t, io.EOF, err)
	}
}

func TestCloseWaitsForFramesThatAreBeingAppended(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	require.True(t, d.Begin())
	s.m.Close()
	require.Empty(t, s.link.take())
	d.Finish()
	frames := s.link.take()
	require.Len(t, frames, 2)
	require.Equal(t, packet.TypeEnd, frames[0].h.Type)
	require.Equal(t, packet.TypeClose, frames[1].h.Type)
}

// A stream that the peer opens while Close runs is not left over.
func TestAStreamOpenedWhileTheMultiplexerClosesIsClosedToo(t *testing.T) {
	s := newScripted(t, nil)
	var late *Dialogue
	s.onNew = func(d *Dialogue) {
		late = d
		s.m.Close() // the stream is not in the table yet
	}
	require.NoError(t, s.peerOpens(2))
	require.Equal(t, ClosedHere, late.Ending())
	frames := s.link.take()
	require.Len(t, of(frames, packet.TypeEnd), 2)
	require.Len(t, of(frames, packet.TypeClose), 1)
	require.Equal(t, packet.TypeClose, frames[len(frames)-1].h.Type)
}

func TestCloseOfThePeerEndsEveryStreamInOrder(t *testing.T) {
	s := newScripted(t, nil)
	d := s.mustOpen()
	s.link.take()
	s.m.HandleClose(packet.CodeClosed, "")
	require.Equal(t, []Ending{ClosedByPeer}, s.overs(d))
	require.Len(t, of(s.link.take(), packet.TypeEnd), 2)
	s.m.HandleClosed(nil)
	require.Equal(t, []error{nil}, s.closed)
	require.Len(t, s.overs(d), 1)
	require.Empty(t, s.m.dialogues)
}

func TestCloseFreesABlockedWriteAndOpen(t *testing.T) {
	s := newScripted(t, func(c *Config) { c.Peer.OpenCredit.Opens = 1; c.Peer.OpenCredit.StreamWindow = 10 })
	d := s.mustOpen()
	write := beginWrite(d, make([]byte, 100))
	waiting := beginWrite(d, make([]byte, 100))
	until(t, "both writes wait", func() bool { return d.sleeping() && d.inTurn() == 1 })
	read := beginRead(d, make([]byte, 10))
	until(t, "the read waits", func() bool { return d.readersWaiting() == 1 })
	open := begin(func() (int64, error) { _, err := s.m.Open(context.Background(), nil, ""); return 0, err })
	until(t, "the open waits", func() bool { return s.openers() == 1 })

	require.NoError(t, d.Close())
	require.Equal(t, result{0, net.ErrClosed}, <-write)
	require.Equal(t, result{0, net.ErrClosed}, <-waiting)
	require.Equal(t, result{0, net.ErrClosed}, <-read)
	s.m.Close()
	require.Equal(t, result{0, io.EOF}, <-open)
}

func TestCloseFreesAnOpenThatWaitsForRoom(t *testing.T) {
	s := newScripted(t, nil)
	s.link.setFull(true)
	left := s.m.cfg.Budget.Left()
	open := begin(func() (int64, error) { _, err := s.m.Open(context.Background(), nil, ""); return 0, err })
	until(t, "the open waits", func() bool { return s.link.waiting() == 1 })
	s.m.Close()
	s.link.setFull(false)
	require.Equal(t, result{0, io.EOF}, <-open)
	require.Equal(t, left, s.m.cfg.Budget.Left()-s.m.cfg.StreamWindow+s.m.cfg.MinStreamWindow,
		"only the default stream gave its window back beside")
	require.Zero(t, s.link.waiting())
}

// openers returns how many Opens wait for credit.
func (s *scripted) openers() int {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return s.m.opens.wait.Len()
}

func TestARefusalReachesTheOpener(t *testing.T) {
	s := newScripted(t, nil)
	d := s.mustOpen()
	done := begin(func() (int64, error) { return 0, d.AwaitOpened(context.Background()) })
	until(t, "the opener waits", d.awaited)
	require.NoError(t, s.reset(d.id, uint32(packet.CodeRefused), "not today"))
	want := &geminio.StreamError{Code: uint32(packet.CodeRefused), Remote: true, Text: "not today"}
	require.Equal(t, result{0, want}, <-done)
	require.Equal(t, want, d.AwaitOpened(context.Background()))
	require.NotContains(t, s.m.dialogues, d.id)
}

func (d *Dialogue) awaited() bool {
	d.sendingHalf.Lock()
	defer d.sendingHalf.Unlock()
	return d.sendingHalf.opening != nil
}

func TestAwaitOpenedEndsWithTheStreamTheContextOrTheAnswer(t *testing.T) {
	s := newScripted(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	for name, row := range map[string]struct {
		happens func(d *Dialogue)
		err     error
	}{
		"accepted":     {func(d *Dialogue) { require.NoError(t, s.frame(packet.TypeOpened, d.id, nil)) }, nil},
		"closed here":  {func(d *Dialogue) { _ = d.Close() }, io.EOF},
		"closed there": {func(d *Dialogue) { require.NoError(t, s.end(d.id)) }, io.EOF},
		"cancelled":    {func(*Dialogue) { cancel() }, context.Canceled},
		"lost":         {func(d *Dialogue) { d.endByPeer(Lost, geminio.ErrSessionLost) }, io.EOF},
	} {
		d := s.mustOpen()
		under := context.Background()
		if name == "cancelled" {
			under = ctx
		}
		done := begin(func() (int64, error) { return 0, d.AwaitOpened(under) })
		until(t, name, d.awaited)
		row.happens(d)
		require.Equal(t, result{0, row.err}, <-done, name)
	}
}

// STOP_SENDING is control and may come before OPENED, which is not: it is no
// answer.
func TestStopSendingBeforeOpenedIsNoRefusal(t *testing.T) {
	s := newScripted(t, nil)
	d := s.mustOpen()
	require.NoError(t, s.stop(d.id))
	done := begin(func() (int64, error) { return 0, d.AwaitOpened(context.Background()) })
	until(t, "the opener still waits", d.awaited)
	require.NoError(t, s.frame(packet.TypeOpened, d.id, nil))
	require.NoError(t, (<-done).err)

	refused := s.mustOpen()
	require.NoError(t, s.stop(refused.id))
	require.NoError(t, s.reset(refused.id, uint32(packet.CodeRefused), "not today"))
	var e *geminio.StreamError
	require.ErrorAs(t, refused.AwaitOpened(context.Background()), &e)
	require.Equal(t, "not today", e.Text)

	ended := s.mustOpen()
	require.NoError(t, s.stop(ended.id))
	require.NoError(t, s.end(ended.id))
	require.Equal(t, io.EOF, ended.AwaitOpened(context.Background()))
}

func TestOpenedForWhatWaitsForNoneIsAnError(t *testing.T) {
	s := newScripted(t, nil)
	require.Error(t, s.frame(packet.TypeOpened, defaultStream, nil))
	d := s.mustOpen()
	require.NoError(t, s.frame(packet.TypeOpened, d.id, nil))
	require.Error(t, s.frame(packet.TypeOpened, d.id, nil))
}

func TestRefuseAnswersWithResetAndRetiresTheStream(t *testing.T) {
	s := newScripted(t, nil)
	require.NoError(t, s.peerOpens(2))
	d := s.opened[0]
	s.link.take()
	d.Refuse(uint32(packet.CodeRefused), "not today")
	frames := s.link.take()
	require.Len(t, frames, 1)
	r, err := packet.ParseReset(frames[0].b)
	require.NoError(t, err)
	require.Equal(t, "not today", string(r.Text))
	require.Empty(t, s.overs(d), "HandleOver is not called")
	require.NotContains(t, s.m.dialogues, d.id)
	require.NoError(t, s.data(2, []byte("on its way"), 0), "dropped")
	require.NoError(t, s.end(2))
	require.Zero(t, s.m.unread.Load())
	require.NoError(t, d.Close())
	d.Accept()
	require.Empty(t, s.link.take())
}

func TestRefuseOfAStreamThatThePeerHasEndedSaysNothingMore(t *testing.T) {
	s := newScripted(t, nil)
	require.NoError(t, s.peerOpens(2))
	d := s.opened[0]
	require.NoError(t, s.end(2))
	s.link.take()
	d.Refuse(uint32(packet.CodeRefused), "not today")
	require.Empty(t, s.link.take(), "END has answered")
	require.Equal(t, []Ending{ClosedByPeer}, s.overs(d))
}
