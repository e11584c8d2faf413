package multiplexer

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/packet"
)

// What can happen to a dialogue, in the order of its letters.
var happenings = map[rune]func(s *scripted, d *Dialogue) error{
	'C': func(_ *scripted, d *Dialogue) error { return d.Close() },
	'w': func(_ *scripted, d *Dialogue) error { return d.CloseWrite() },
	'r': func(_ *scripted, d *Dialogue) error { return d.CloseRead() },
	'F': func(s *scripted, d *Dialogue) error { return s.data(d.id, nil, packet.FlagFIN) },
	'E': func(s *scripted, d *Dialogue) error { return s.end(d.id) },
	'R': func(s *scripted, d *Dialogue) error { return s.reset(d.id, 5, "why") },
	'S': func(s *scripted, d *Dialogue) error { return s.stop(d.id) },
	'L': func(s *scripted, _ *Dialogue) error {
		s.m.HandleClosed(&conn.LostError{Cause: io.ErrNoProgress})
		return nil
	},
	'P': func(s *scripted, _ *Dialogue) error { s.m.HandleClose(packet.CodeClosed, ""); return nil },
	'M': func(s *scripted, _ *Dialogue) error { s.m.Close(); return nil },
	'D': func(_ *scripted, d *Dialogue) error { return d.SetDeadline(time.Now().Add(-time.Hour)) },
	'd': func(_ *scripted, d *Dialogue) error { return d.SetDeadline(time.Time{}) },
}

// kind names an error as the table of DESIGN does.
func kind(t *testing.T, err error) string {
	var stream *geminio.StreamError
	switch {
	case err == nil:
		return "nil"
	case err == io.EOF:
		return "EOF"
	case err == net.ErrClosed:
		return "closed"
	case err == os.ErrDeadlineExceeded:
		return "deadline"
	case isStream(err, &stream):
		assert.ErrorIs(t, err, io.ErrClosedPipe)
		assert.True(t, stream.Remote)
		return "stream"
	}
	assert.ErrorIs(t, err, geminio.ErrSessionLost)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.ErrorIs(t, err, io.ErrNoProgress, "the cause is told")
	assert.NotErrorIs(t, err, net.ErrClosed)
	assert.NotErrorIs(t, err, io.EOF)
	return "lost"
}

func isStream(err error, target **geminio.StreamError) bool {
	e, ok := err.(*geminio.StreamError)
	*target = e
	return ok
}

func TestAfterEveryEndingEachOperationReturnsItsError(t *testing.T) {
	for _, row := range []struct {
		happened                string
		rest                    bool // what had arrived can still be read
		read, write, closeWrite string
	}{
		{"", true, "waits", "nil", "nil"},
		{"C", false, "closed", "closed", "closed"},
		{"M", false, "closed", "closed", "closed"},
		{"w", true, "waits", "closed", "nil"},
		{"r", false, "EOF", "nil", "nil"},
		{"F", true, "EOF", "nil", "nil"},
		{"E", true, "EOF", "stream", "stream"},
		{"P", true, "EOF", "stream", "stream"},
		{"R", true, "stream", "stream", "stream"},
		{"S", true, "waits", "stream", "stream"},
		{"L", true, "lost", "lost", "lost"},

		{"wr", false, "EOF", "closed", "nil"},
		{"wF", true, "EOF", "closed", "nil"},
		{"wE", true, "EOF", "closed", "nil"},
		{"wS", true, "waits", "closed", "nil"},
		{"wL", true, "lost", "closed", "nil"},
		{"wC", false, "closed", "closed", "nil"},
		{"rE", false, "EOF", "stream", "stream"},
		{"rL", false, "EOF", "lost", "lost"},
		{"rC", false, "closed", "closed", "closed"},
		{"rr", false, "EOF", "nil", "nil"},
		{"Cr", false, "closed", "closed", "closed"},
		{"CC", false, "closed", "closed", "closed"},
		{"CE", false, "closed", "closed", "closed"},
		{"CS", false, "closed", "closed", "closed"},
		{"CR", false, "closed", "closed", "closed"},
		{"CL", false, "closed", "closed", "closed"},
		{"CP", false, "closed", "closed", "closed"},
		{"FE", true, "EOF", "stream", "stream"},
		{"FL", true, "EOF", "lost", "lost"},
		{"Fr", false, "EOF", "nil", "nil"},
		{"FC", false, "closed", "closed", "closed"},
		{"FR", true, "EOF", "stream", "stream"},
		{"EC", false, "closed", "closed", "closed"},
		{"Er", false, "EOF", "stream", "stream"},
		{"EL", true, "EOF", "stream", "stream"},
		{"Ew", true, "EOF", "stream", "stream"},
		{"SE", true, "EOF", "stream", "stream"},
		{"SL", true, "lost", "stream", "stream"},
		{"SC", false, "closed", "closed", "closed"},
		{"RC", false, "closed", "closed", "closed"},
		{"RL", true, "stream", "stream", "stream"},
		{"LC", false, "closed", "closed", "closed"},
		{"Lr", false, "EOF", "lost", "lost"},
		{"Lw", true, "lost", "lost", "lost"},
		{"PL", true, "EOF", "stream", "stream"},
		{"PC", false, "closed", "closed", "closed"},

		{"Dd", true, "waits", "nil", "nil"},
		{"D", false, "deadline", "deadline", "nil"},
		{"DF", false, "deadline", "deadline", "nil"},
		{"DE", false, "deadline", "stream", "stream"},
		{"DC", false, "closed", "closed", "closed"},
		{"CD", false, "closed", "closed", "closed"},
		{"Dr", false, "EOF", "deadline", "nil"},
		{"Dw", false, "deadline", "closed", "nil"},
		{"DL", false, "deadline", "lost", "lost"},
	} {
		t.Run(row.happened, func(t *testing.T) {
			s := newScripted(t, nil)
			d := s.mustOpen()
			require.NoError(t, s.data(d.id, []byte("rest"), 0))
			for _, letter := range row.happened {
				err := happenings[letter](s, d)
				if letter != 'w' && letter != 'r' { // these two may fail, as they should
					require.NoError(t, err)
				}
			}
			p := make([]byte, 8)
			if row.rest {
				n, err := d.Read(p)
				require.NoError(t, err)
				assert.Equal(t, "rest", string(p[:n]))
			}
			d.receiving.Lock()
			_, ready := d.readable(false)
			d.receiving.Unlock()
			assert.Equal(t, row.read != "waits", ready)
			if ready {
				for range 2 {
					n, err := d.Read(p)
					assert.Zero(t, n)
					assert.Equal(t, row.read, kind(t, err), "Read")
				}
			}
			for _, b := range [][]byte{[]byte("more"), nil} {
				n, err := d.Write(b)
				assert.Equal(t, row.write, kind(t, err), "Write of %d bytes", len(b))
				if err != nil {
					assert.Zero(t, n)
				}
			}
			for range 2 {
				assert.Equal(t, row.closeWrite, kind(t, d.CloseWrite()), "CloseWrite")
			}
			if row.read == "closed" {
				assert.Equal(t, net.ErrClosed, d.CloseRead())
			} else {
				assert.NoError(t, d.CloseRead())
			}
			assert.NoError(t, d.Close())
			assert.Zero(t, s.m.unread.Load())
		})
	}
}

func TestAWriteFailsAsLostWhenTheConnectionTakesNothingMore(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	s.link.setFull(true)
	done := beginWrite(d, make([]byte, 10))
	until(t, "the write waits", d.sleeping)
	s.link.end()
	r := <-done
	require.Equal(t, geminio.ErrSessionLost, r.err)
	require.Zero(t, r.n)
}

func TestAZeroLengthReadWaitsForNothing(t *testing.T) {
	s := newScripted(t, nil)
	d := s.m.Default()
	n, err := d.Read(nil)
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, d.SetReadDeadline(time.Now().Add(-time.Second)))
	_, err = d.Read(nil)
	require.Equal(t, os.ErrDeadlineExceeded, err)
	require.NoError(t, d.Close())
	_, err = d.Read(nil)
	require.Equal(t, net.ErrClosed, err)
}
