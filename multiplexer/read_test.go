package multiplexer

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
)

func TestReadReturnsSeveralWritesTogetherAndEachWholeIfThereIsRoom(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	p := make([]byte, 64<<10)
	require.NoError(t, s.data(d.id, []byte("one "), 0))
	require.NoError(t, s.data(d.id, []byte("two"), 0))
	n, err := d.Read(p)
	require.NoError(t, err)
	require.Equal(t, "one two", string(p[:n]))
	b := pattern(wholeWrite)
	require.NoError(t, s.data(d.id, b, 0))
	n, err = d.Read(p)
	require.NoError(t, err)
	require.Equal(t, b, p[:n])
}

func TestEveryReaderThatWaitsIsWokenWhileBytesAreLeft(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	var reads []<-chan result
	for i := range 4 {
		reads = append(reads, beginRead(d, make([]byte, 1)))
		until(t, "the read waits", func() bool { return d.readersWaiting() == i+1 })
	}
	require.NoError(t, s.data(d.id, []byte("abcd"), 0))
	for _, r := range reads {
		require.Equal(t, result{1, nil}, <-r)
	}
}

// A WriteTo may be held up by its writer for as long as it likes.
func TestAReadGetsTheBytesBehindThoseThatWriteToHandsOut(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	w := newGateWriter()
	copying := begin(func() (int64, error) { return d.WriteTo(w) })
	until(t, "WriteTo waits", func() bool { return d.readersWaiting() == 1 })
	read := beginRead(d, make([]byte, 10))
	until(t, "the read waits", func() bool { return d.readersWaiting() == 2 })

	big := pattern(classes[1]) // fills the buffer that it is copied into
	h := packet.Header{Type: packet.TypeData, Stream: d.id, Length: len(big)}
	require.NoError(t, s.m.HandleData(h, 0, big, nil))
	require.NoError(t, s.m.HandleData(h, 0, big, nil))
	s.m.EndBatch()
	<-w.entered
	require.Equal(t, result{10, nil}, <-read)
	require.NoError(t, d.Close())
	close(w.leave)
	require.Equal(t, net.ErrClosed, (<-copying).err)
}

// A gateWriter tells when Write is called and holds it up.
type gateWriter struct {
	entered, leave chan struct{}
	takes          int // of a write, all if negative
	err            error
}

func newGateWriter() *gateWriter {
	return &gateWriter{entered: make(chan struct{}, 100), leave: make(chan struct{}), takes: -1}
}

func (w *gateWriter) Write(p []byte) (int, error) {
	w.entered <- struct{}{}
	<-w.leave
	if w.takes < 0 {
		return len(p), w.err
	}
	return w.takes, w.err
}

func TestWriteToCopiesEverythingUntilEOF(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	var got bytes.Buffer
	done := begin(func() (int64, error) { return io.Copy(&got, d) })
	want := pattern(100 << 10)
	for rest := want; len(rest) > 0; {
		n := min(len(rest), 7001)
		require.NoError(t, s.data(d.id, rest[:n], 0))
		rest = rest[n:]
	}
	require.NoError(t, s.data(d.id, nil, packet.FlagFIN))
	require.Equal(t, result{int64(len(want)), nil}, <-done)
	require.True(t, bytes.Equal(want, got.Bytes()))
	require.Zero(t, s.m.unread.Load())
}

func TestWhatAWriterOfWriteToDoesNotTakeStaysToBeRead(t *testing.T) {
	broken := errors.New("broken")
	for name, row := range map[string]struct {
		takes    int
		fails    error
		n        int64
		err      error
		leftover string
	}{
		"part":           {3, nil, 3, io.ErrShortWrite, "defgh"},
		"part and error": {3, broken, 3, broken, "defgh"},
		"nothing":        {0, nil, 0, io.ErrShortWrite, "abcdefgh"},
		"all and error":  {8, broken, 8, broken, ""},
		"too much":       {9, nil, 8, errInvalidWrite, ""},
		"less than none": {-5, nil, 8, errInvalidWrite, ""},
	} {
		s := newScripted(t, nil)
		d := s.m.Default()
		require.NoError(t, s.data(d.id, []byte("abcdefgh"), 0))
		require.NoError(t, s.data(d.id, nil, packet.FlagFIN))
		n, err := d.WriteTo(countWriter{row.takes, row.fails})
		require.Equal(t, row.err, err, name)
		require.Equal(t, row.n, n, name)
		rest, err := io.ReadAll(readerOnly{d})
		require.NoError(t, err, name)
		require.Equal(t, row.leftover, string(rest), name)
		require.Zero(t, s.m.unread.Load(), name)
		require.Zero(t, d.window.Unread(), name)
	}
}

// countWriter claims to have written n bytes.
type countWriter struct {
	n   int
	err error
}

func (w countWriter) Write([]byte) (int, error) { return w.n, w.err }

type readerOnly struct{ io.Reader }

func TestWriteToReturnsWhatEndedIt(t *testing.T) {
	for name, row := range map[string]struct {
		happens func(s *scripted, d *Dialogue)
		err     error
	}{
		"END":       {func(s *scripted, d *Dialogue) { require.NoError(t, s.end(d.id)) }, nil},
		"Close":     {func(_ *scripted, d *Dialogue) { _ = d.Close() }, net.ErrClosed},
		"CloseRead": {func(_ *scripted, d *Dialogue) { _ = d.CloseRead() }, nil},
		"deadline":  {func(_ *scripted, d *Dialogue) { _ = d.SetReadDeadline(time.Now()) }, os.ErrDeadlineExceeded},
		"lost":      {func(s *scripted, _ *Dialogue) { s.m.HandleClosed(geminio.ErrSessionLost) }, geminio.ErrSessionLost},
	} {
		s := newScripted(t, nil)
		d := s.m.Default()
		done := begin(func() (int64, error) { return d.WriteTo(io.Discard) })
		until(t, "WriteTo waits", func() bool { return d.readersWaiting() == 1 })
		row.happens(s, d)
		require.Equal(t, result{0, row.err}, <-done, name)
	}
}

func TestCloseWhileWriteToHandsOutBytesLosesNoCountOfThem(t *testing.T) {
	for _, takes := range []int{-1, 0, 3} {
		for _, closing := range []func(*Dialogue) error{(*Dialogue).Close, (*Dialogue).CloseRead} {
			s := newScripted(t, nil)
			d := s.m.Default()
			budget := s.m.cfg.Budget.Left()
			require.NoError(t, s.data(d.id, []byte("abcdefgh"), 0))
			w := newGateWriter()
			w.takes = takes
			done := begin(func() (int64, error) { return d.WriteTo(w) })
			<-w.entered
			require.NoError(t, closing(d))
			close(w.leave)
			<-done
			require.Zero(t, s.m.unread.Load())
			require.Zero(t, d.window.Unread())
			require.Equal(t, budget+s.m.cfg.StreamWindow-s.m.cfg.MinStreamWindow, s.m.cfg.Budget.Left())
			require.Nil(t, d.receiving.buffer.head)
		}
	}
}

// io.Copy to a writer that panics is common: net/http aborts handlers so.
func TestAPanicOfTheWriterLeavesTheDialogueUsable(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	require.NoError(t, s.data(d.id, []byte("abc"), 0))
	require.PanicsWithValue(t, "abort", func() { _, _ = d.WriteTo(panicWriter{}) })
	p := make([]byte, 8)
	n, err := d.Read(p)
	require.NoError(t, err)
	require.Equal(t, "abc", string(p[:n]))
	require.Zero(t, s.m.unread.Load())
}

type panicWriter struct{}

func (panicWriter) Write([]byte) (int, error) { panic("abort") }

func TestCloseReadDropsWhatIsThereAndWhatComesAndTellsThePeerOnce(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	require.NoError(t, s.data(d.id, []byte("there"), 0))
	s.link.take()
	require.NoError(t, d.CloseRead())
	require.NoError(t, d.CloseRead())
	frames := s.link.take()
	require.Len(t, frames, 1)
	require.Equal(t, packet.TypeStopSending, frames[0].h.Type)
	require.NoError(t, s.data(d.id, []byte("comes"), 0))
	require.Nil(t, d.receiving.buffer.head)
	require.Zero(t, s.m.unread.Load())
	require.Empty(t, s.compose(), "it gets no credit")
	n, err := d.Write([]byte("x"))
	require.NoError(t, err, "writing goes on")
	require.Equal(t, 1, n)
	require.NoError(t, s.data(d.id, nil, packet.FlagFIN))
	require.Error(t, s.data(d.id, []byte("x"), 0), "the rules still hold")
}

func TestCloseReadSaysNothingToAPeerThatHasFinished(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	require.NoError(t, s.data(d.id, nil, packet.FlagFIN))
	require.NoError(t, d.CloseRead())
	require.Empty(t, s.link.take())
}

func TestAReadDeadlineWakesReadsAndLeavesTheBytes(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	read := beginRead(d, make([]byte, 10))
	until(t, "the read waits", func() bool { return d.readersWaiting() == 1 })
	require.NoError(t, d.SetReadDeadline(time.Now().Add(5*time.Millisecond)))
	require.Equal(t, result{0, os.ErrDeadlineExceeded}, <-read)
	require.NoError(t, s.data(d.id, []byte("late"), 0))
	_, err := d.Read(make([]byte, 10))
	require.Equal(t, os.ErrDeadlineExceeded, err, "also with bytes there")
	require.NoError(t, d.SetReadDeadline(time.Time{}))
	p := make([]byte, 10)
	n, err := d.Read(p)
	require.NoError(t, err)
	require.Equal(t, "late", string(p[:n]))
}

func TestAClosedDialogueHoldsNoTimer(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	require.NoError(t, d.SetDeadline(time.Now().Add(time.Hour)))
	require.NoError(t, d.CloseWrite())
	require.NoError(t, d.Close())
	require.NoError(t, d.SetDeadline(time.Now().Add(time.Hour)))
	require.False(t, d.receiving.due.timer.Stop())
	require.False(t, d.sendingHalf.due.timer.Stop())
}

func TestBytesThatWriteToPutsBackGoToAReaderThatWaits(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	w := newGateWriter()
	w.takes = 0
	copying := begin(func() (int64, error) { return d.WriteTo(w) })
	until(t, "WriteTo waits", func() bool { return d.readersWaiting() == 1 })
	require.NoError(t, s.data(d.id, []byte("abc"), 0))
	<-w.entered
	read := beginRead(d, make([]byte, 10))
	until(t, "the read waits", func() bool { return d.readersWaiting() == 1 })
	close(w.leave)
	require.Equal(t, io.ErrShortWrite, (<-copying).err)
	require.Equal(t, result{3, nil}, <-read)
}

func TestAReservationIsGivenBackAsSoonAsTheLastByteIsRead(t *testing.T) {
	for name, finish := range map[string]func(s *scripted){
		"FIN":  func(s *scripted) { require.NoError(t, s.data(defaultStream, nil, packet.FlagFIN)) },
		"END":  func(s *scripted) { require.NoError(t, s.end(defaultStream)) },
		"lost": func(s *scripted) { s.m.HandleClosed(geminio.ErrSessionLost) },
	} {
		s := newScripted(t, nil)
		d := s.m.Default()
		require.NoError(t, s.data(d.id, make([]byte, 64<<10), 0))
		finish(s)
		unread := 64<<10 - s.m.cfg.MinStreamWindow
		require.Equal(t, unread, reserved(d), name)
		_, err := io.ReadFull(d, make([]byte, 64<<10))
		require.NoError(t, err, name)
		require.Zero(t, reserved(d), name)
	}
}
