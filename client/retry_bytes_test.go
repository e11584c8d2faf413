//go:build go1.25

package client

import (
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
)

func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	n, err := c.Write([]byte(text))
	require.NoError(t, err)
	require.Equal(t, len(text), n)
}

func readText(t *testing.T, c net.Conn, n int) string {
	t.Helper()
	b := make([]byte, n)
	_, err := io.ReadFull(c, b)
	require.NoError(t, err)
	return string(b)
}

func TestReadReturnsTheRestThenTheLossOnceThenGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, far := s.pair()
		defer r.Close()
		write(t, far, "rest")
		s.cut()
		write(t, <-s.ends, "next")
		synctest.Wait()
		assert.Equal(t, "re", readText(t, r, 2))
		assert.Equal(t, "st", readText(t, r, 2))
		_, err := r.Read(make([]byte, 1))
		assert.ErrorIs(t, err, geminio.ErrSessionLost)
		assert.Equal(t, "next", readText(t, r, 4))
		write(t, r, "the other direction was not used")
	})
}

func TestReadThatReadNothingYetGoesOnWithTheNextSession(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, _ := s.pair()
		defer r.Close()
		write(t, r, "only this direction is used")
		read := background(func() (string, error) {
			b := make([]byte, 10)
			n, err := r.Read(b)
			return string(b[:n]), err
		})
		for range 3 {
			pending(t, read)
			s.cut()
			<-s.ends
		}
		s.cut()
		write(t, <-s.ends, "hello")
		assert.Equal(t, result[string]{"hello", nil}, <-read)
	})
}

func TestReadReturnsEOFOnceAfterAnOrderlyClose(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up()
		r, far := s.pair()
		defer r.Close()
		write(t, far, "rest")
		require.NoError(t, far.Close())
		far = <-s.ends
		write(t, far, "next")
		assert.Equal(t, "rest", readText(t, r, 4))
		_, err := r.Read(make([]byte, 1))
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, "next", readText(t, r, 4))

		require.NoError(t, far.(geminio.CloseWriter).CloseWrite())
		for range 2 {
			_, err = r.Read(make([]byte, 1))
			assert.Equal(t, io.EOF, err, "the session lives on, its bytes have ended")
		}
		require.NoError(t, far.Close())
		write(t, <-s.ends, "more")
		assert.Equal(t, "more", readText(t, r, 4), "the end was told")
	})
}

func TestWriteReturnsTheLossOnceThenGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, far := s.pair()
		defer r.Close()
		write(t, r, "one")
		assert.Equal(t, "one", readText(t, far, 3))
		s.cut()
		far = <-s.ends
		synctest.Wait()
		n, err := r.Write([]byte("two"))
		assert.Zero(t, n)
		assert.ErrorIs(t, err, geminio.ErrSessionLost)
		write(t, r, "three")
		assert.Equal(t, "three", readText(t, far, 5))

		require.NoError(t, far.Close())
		far = <-s.ends
		synctest.Wait()
		_, err = r.Write([]byte("four"))
		var closed *geminio.StreamError
		assert.ErrorAs(t, err, &closed)
		write(t, r, "five!")
		assert.Equal(t, "five!", readText(t, far, 5))
	})
}

func TestWriteThatIsCutInTheMiddleTellsHowFarItCame(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, _ := s.pair()
		defer r.Close()
		big := make([]byte, 64<<20)
		written := background(func() (int, error) { return r.Write(big) })
		pending(t, written)
		s.cut()
		far := <-s.ends
		w := <-written
		assert.ErrorIs(t, w.err, geminio.ErrSessionLost)
		assert.Positive(t, w.v)
		assert.Less(t, w.v, len(big))
		write(t, r, "next")
		assert.Equal(t, "next", readText(t, far, 4))
	})
}

func TestDeadlinesHoldOverSessionsAndBetweenThem(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, _ := s.pair()
		defer r.Close()
		read := func() error { _, err := r.Read(make([]byte, 1)); return err }
		type op = func() error
		write := func() error { _, err := r.Write(make([]byte, 64<<20)); return err }
		expect := func(after time.Duration, f op) {
			t.Helper()
			start := time.Now()
			assert.ErrorIs(t, f(), os.ErrDeadlineExceeded)
			assert.Equal(t, after, time.Since(start))
		}
		require.NoError(t, r.SetReadDeadline(time.Now().Add(time.Minute)))
		s.cut()
		<-s.ends
		synctest.Wait()
		start := time.Now()
		assert.ErrorIs(t, read(), os.ErrDeadlineExceeded)
		assert.InDelta(t, time.Minute, time.Since(start), float64(time.Second), "it was set in the session before")

		s.down()
		require.NoError(t, r.SetDeadline(time.Now().Add(time.Second)))
		expect(time.Second, read)
		expect(0, write)
		require.NoError(t, r.SetDeadline(time.Time{}))
		blocked := []<-chan result[any]{
			background(func() (any, error) { return nil, read() }),
			background(func() (any, error) { return nil, write() }),
		}
		time.Sleep(time.Minute)
		for _, b := range blocked {
			pending(t, b)
		}
		require.NoError(t, r.SetDeadline(time.Now().Add(time.Hour)))
		for _, b := range blocked {
			pending(t, b)
		}
		require.NoError(t, r.SetDeadline(time.Now().Add(-1)))
		for _, b := range blocked {
			assert.ErrorIs(t, (<-b).err, os.ErrDeadlineExceeded)
		}
		s.up(mortal)
		far := <-s.ends
		synctest.Wait()
		expect(0, read)
		require.NoError(t, r.SetDeadline(time.Time{}))
		_, err := r.Write([]byte("x"))
		require.NoError(t, err)
		assert.Equal(t, "x", readText(t, far, 1))
	})
}

func TestCopiesKnowTheEndsOfSessions(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, far := s.pair()
		defer r.Close()
		var got bytes.Buffer
		copied := background(func() (int64, error) { return r.WriteTo(&got) })
		write(t, far, "lost")
		synctest.Wait()
		s.cut()
		far = <-s.ends
		c := <-copied
		assert.EqualValues(t, 4, c.v)
		assert.ErrorIs(t, c.err, geminio.ErrSessionLost)
		copied = background(func() (int64, error) { return r.WriteTo(&got) })
		write(t, far, " and found")
		require.NoError(t, far.Close())
		assert.Equal(t, result[int64]{10, nil}, <-copied)
		assert.Equal(t, "lost and found", got.String())

		far = <-s.ends
		synctest.Wait()
		n, err := r.ReadFrom(strings.NewReader("copied"))
		require.NoError(t, err)
		assert.EqualValues(t, 6, n)
		assert.Equal(t, "copied", readText(t, far, 6))

		write(t, far, "abc")
		synctest.Wait()
		broken := &brokenWriter{}
		k, err := r.WriteTo(broken)
		assert.Zero(t, k)
		assert.Equal(t, geminio.ErrSessionLost, err, "it is the writer's")
		assert.Equal(t, "abc", readText(t, r, 3))
	})
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, geminio.ErrSessionLost }

func TestHalfClosesHoldForOneSession(t *testing.T) {
	bubble(t, func(t *testing.T, s *site) {
		s.up(mortal)
		r, far := s.pair()
		defer r.Close()
		require.NoError(t, r.CloseWrite())
		require.NoError(t, r.CloseRead())
		_, err := far.Read(make([]byte, 1))
		assert.Equal(t, io.EOF, err)
		_, err = r.Write([]byte("x"))
		assert.Equal(t, net.ErrClosed, err)
		_, err = r.Read(make([]byte, 1))
		assert.Equal(t, io.EOF, err)
		s.cut()
		far = <-s.ends
		write(t, r, "hello")
		assert.Equal(t, "hello", readText(t, far, 5))
		write(t, far, "hello")
		assert.Equal(t, "hello", readText(t, r, 5))
	})
}
