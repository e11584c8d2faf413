//go:build go1.25

package server

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/conn"
	"github.com/singchia/geminio/options"
)

func TestTakeoverGivesUpAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSessions()
		old, err := claim(s, 7)
		require.NoError(t, err)
		online(old, newFakeSession(1))

		start := time.Now()
		_, err = s.hold(context.Background(), 7, granted)
		assert.Equal(t, geminio.ErrClientIDInUse, err)
		assert.Equal(t, takeoverTime, time.Since(start))

		old.release()
		_, err = s.hold(context.Background(), 7, granted)
		assert.NoError(t, err)
	})
}

func TestHolderIsReplacedOnceHoweverManyComeNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSessions()
		old, err := claim(s, 7)
		require.NoError(t, err)
		f := online(old, newFakeSession(1))
		ctx, cancel := context.WithCancel(context.Background())
		for range 3 {
			takeOver(ctx, s, 7)
		}
		synctest.Wait() // all of them wait for it to be gone
		assert.Len(t, f.ends, 1)
		cancel()
		synctest.Wait()
		old.release()
	})
}

func TestWhoComesBackBeforeTheEndRunsWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSessions()
		h, err := claim(s, 7)
		require.NoError(t, err)
		f := newFakeSession(1)
		look := func() <-chan result[*holder] {
			return background(func() (*holder, error) { return s.find(context.Background(), f.id, 7), nil })
		}
		found := look() // its client may have its answer already
		synctest.Wait()
		assert.Empty(t, found)
		h.begin(&describer{}, f, ignore)
		synctest.Wait()
		assert.Empty(t, found)
		h.run()
		assert.Same(t, h, (<-found).v)
		h.end()
		h.release()

		h, err = claim(s, 7)
		require.NoError(t, err)
		found = look()
		synctest.Wait()
		h.release() // refused
		assert.Nil(t, (<-found).v)

		_, err = claim(s, 7)
		require.NoError(t, err)
		start := time.Now()
		assert.Nil(t, (<-look()).v)
		assert.Equal(t, takeoverTime, time.Since(start))
	})
}

func TestSessionWaitsForItsClientAsLongAsItsGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder()
		o := quiet()
		o.SetDelegate(rec)
		p := newPipes()
		l, err := NewListener(p, o)
		require.NoError(t, err)
		r := roam(t, p.dial, "me", 7)
		far, err := l.AcceptEnd()
		require.NoError(t, err)
		rec.expect(t, "ask 7 me", "online me")
		cut := func(wait time.Duration) {
			r.cut()
			synctest.Wait()
			time.Sleep(wait)
			synctest.Wait()
		}
		cut(defaultResumeGrace - 1)
		r.goesOn(far)
		rec.nothing(t)
		cut(defaultResumeGrace)
		rec.expect(t, "offline me")
		_, err = far.Read(make([]byte, 1))
		assert.ErrorIs(t, err, conn.ErrGrace)
		require.NoError(t, l.Close())
	})
}

func TestAtMostMaxHandshakesStrangersAreHeardAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		o := quiet()
		o.SetLimits(options.Limits{MaxHandshakes: 2, HandshakeTimeout: time.Minute})
		l, err := NewListener(p, o)
		require.NoError(t, err)
		var strangers []net.Conn
		for range 2 {
			nc, err := p.dial()
			require.NoError(t, err)
			defer nc.Close()
			strangers = append(strangers, nc)
		}
		synctest.Wait()
		start := time.Now()
		nc, err := p.dial() // waits until the oldest gives way
		require.NoError(t, err)
		defer nc.Close()
		_, err = strangers[0].Read(make([]byte, 1))
		assert.ErrorIs(t, err, io.EOF, "the oldest is hung up on")
		assert.Equal(t, silentLeast, time.Since(start))
		require.NoError(t, strangers[1].SetReadDeadline(time.Now().Add(time.Millisecond)))
		_, err = strangers[1].Read(make([]byte, 1))
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded, "the other is not")
		require.NoError(t, l.Close())
	})
}

func TestCloseUnblocksAcceptEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := NewListener(newPipes(), quiet())
		require.NoError(t, err)
		waiting := []<-chan result[geminio.End]{background(l.AcceptEnd), background(l.AcceptEnd)}
		synctest.Wait()
		require.NoError(t, l.Close())
		for _, w := range waiting {
			r := receive(t, w)
			assert.Nil(t, r.v)
			assert.ErrorIs(t, r.err, net.ErrClosed)
		}
	})
}

// failing is a listener whose Accept fails.
type failing struct {
	fail  func() error
	calls chan time.Time
}

func (f *failing) Accept() (net.Conn, error) {
	f.calls <- time.Now()
	return nil, f.fail()
}

func (f *failing) Close() error   { return nil }
func (f *failing) Addr() net.Addr { return &net.UnixAddr{Name: "failing", Net: "unix"} }

type temporaryError struct{ error }

func (temporaryError) Temporary() bool { return true }

func TestTemporaryAcceptErrorsPauseFrom5msTo1s(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := &failing{fail: func() error { return temporaryError{errors.New("too many open files")} }, calls: make(chan time.Time)}
		l, err := NewListener(ln, quiet())
		require.NoError(t, err)
		last := <-ln.calls
		for _, want := range []time.Duration{5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000} {
			next := <-ln.calls
			assert.Equal(t, want*time.Millisecond, next.Sub(last))
			last = next
		}
		waiting := background(l.AcceptEnd)
		synctest.Wait()
		require.NoError(t, l.Close()) // ends the pause, too
		assert.ErrorIs(t, receive(t, waiting).err, net.ErrClosed)
	})
}

func TestLastingAcceptErrorIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		ln := &failing{fail: func() error { return broken }, calls: make(chan time.Time, 1)}
		l, err := NewListener(ln, quiet())
		require.NoError(t, err)
		for range 2 {
			_, err = l.AcceptEnd()
			assert.Equal(t, broken, err)
		}
		require.NoError(t, l.Close())
		_, err = l.AcceptEnd()
		assert.ErrorIs(t, err, net.ErrClosed)
	})
}
