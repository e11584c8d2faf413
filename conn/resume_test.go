//go:build go1.25

package conn

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/memnet"
)

// A verdictOf is what became of a client that wanted to go on.
type verdictOf struct {
	next    *Conn // the client's new session
	err     error // of the client
	resumed bool  // by the server
	erred   error // of the server
	opened  *Conn // the server's new session
}

// tryResume has the client try to go on, and the server decide with decide,
// which may be nil: it knows old.
func (p *couple) tryResume(old *Conn, elsewhere bool, allow func() error, refuse error) (v verdictOf) {
	p.dial()
	done := make(chan struct{})
	go func() {
		defer close(done)
		in, err := Accept(p.inServer, p.serverConfig)
		if err != nil {
			v.erred = err
			return
		}
		if v.resumed, v.erred = in.Resume(old, allow); v.resumed || v.erred != nil {
			return
		}
		if refuse != nil {
			in.Refuse(refuse)
			return
		}
		v.opened, v.erred = in.Confirm(8)
	}()
	v.next, v.err = p.client.Resume(p.inClient, elsewhere)
	<-done
	return v
}

// end ends what is left of both sides, which is not to be closed in order.
func (p *couple) end() {
	for _, c := range []*Conn{p.client, p.server} {
		c.GiveUp(io.ErrClosedPipe)
	}
	_ = p.hc.ended(p.t)
	_ = p.hs.ended(p.t)
}

// startAndEnd sees that both sides of a new session work.
func (v verdictOf) startAndEnd(t *testing.T) {
	require.NotNil(t, v.next)
	require.NotNil(t, v.opened)
	require.Equal(t, v.next.SessionID(), v.opened.SessionID())
	hc, hs := newRecorder(v.next), newRecorder(v.opened)
	v.next.Start(hc)
	v.opened.Start(hs)
	append1(t, v.next, packet.Messages, 3, 100)
	hs.received(t, 1)
	v.next.Shutdown(0, "")
	require.NoError(t, hc.ended(t))
	require.NoError(t, hs.ended(t))
}

func TestNothingOfTheOldTransportArrivesAfterAResume(t *testing.T) { // W70, I4
	synctest.Test(t, func(t *testing.T) {
		p := newCouple(t, time.Minute)
		held, release := make(chan struct{}), make(chan struct{})
		p.hs.onFrame = func() {
			select {
			case <-held:
			default:
				close(held)
				<-release
			}
		}
		for range 3 {
			append1(t, p.client, packet.Messages, 3, 100)
		}
		<-held // the server's reader has them in hand
		p.cut()
		append1(t, p.client, packet.Messages, 3, 200)
		p.dial()
		resumed := make(chan error, 2)
		go func() {
			in, err := Accept(p.inServer, p.serverConfig)
			if err == nil {
				_, err = in.Resume(p.server, nil)
			}
			resumed <- err
		}()
		go func() {
			_, err := p.client.Resume(p.inClient, false)
			resumed <- err
		}()
		synctest.Wait()
		require.Empty(t, resumed, "the old reader has not ended")
		require.Zero(t, p.server.Stats().Resumes)
		close(release)
		require.NoError(t, <-resumed)
		require.NoError(t, <-resumed)
		frames := p.hs.received(t, 4)
		synctest.Wait()
		require.Len(t, frames, 4, "each once")
		require.Len(t, frames[3].payload, 200)
		p.end()
	})
}

func TestASessionWhoseOldTransportCannotBeEndedIsLost(t *testing.T) { // W70
	synctest.Test(t, func(t *testing.T) {
		p := newCouple(t, time.Minute)
		held, release := make(chan struct{}), make(chan struct{})
		p.hs.onFrame = func() { close(held); <-release }
		append1(t, p.client, packet.Messages, 3, 100)
		<-held
		p.cut()
		v := p.tryResume(p.server, true, nil, nil)
		require.False(t, v.resumed)
		close(release)
		require.ErrorIs(t, p.hs.ended(t), ErrStuck)
		require.ErrorIs(t, p.hc.ended(t), ErrUnknown)
		v.startAndEnd(t)
	})
}

func TestAServerThatDoesNotKnowTheSessionOpensANewOneInTheSameAnswer(t *testing.T) { // W71
	synctest.Test(t, func(t *testing.T) {
		p := newCouple(t, time.Minute)
		p.cut()
		v := p.tryResume(nil, false, nil, nil)
		require.NoError(t, v.err)
		require.ErrorIs(t, p.hc.ended(t), ErrUnknown)
		v.startAndEnd(t)
		p.end()
	})
}

func TestAnotherProcessOpensANewSessionOnlyWhereTheClientAllowsIt(t *testing.T) { // W71
	synctest.Test(t, func(t *testing.T) {
		p := newCouple(t, time.Minute)
		p.cut()
		own := p.serverConfig.Instance
		p.serverConfig.Instance = [16]byte{9}
		v := p.tryResume(nil, false, nil, nil)
		require.ErrorIs(t, v.err, ErrUnknown)
		require.ErrorIs(t, v.erred, ErrUnknown)
		require.True(t, p.client.Detached(), "it lives on")

		p.serverConfig.Instance = own
		p.resume()
		p.cut()
		p.serverConfig.Instance = [16]byte{9}
		v = p.tryResume(nil, true, nil, nil)
		require.NoError(t, v.err)
		require.ErrorIs(t, p.hc.ended(t), ErrUnknown)
		v.startAndEnd(t)
		p.end()
	})
}

func TestARefusalEndsTheSessionOnlyWhereItsOwnServerSaysSo(t *testing.T) { // W71
	synctest.Test(t, func(t *testing.T) {
		for _, here := range []bool{true, false} {
			p := newCouple(t, time.Minute)
			p.cut()
			if !here {
				p.serverConfig.Instance = [16]byte{9}
			}
			v := p.tryResume(nil, true, nil, geminio.ErrClientIDInUse)
			require.Nil(t, v.next)
			if here {
				require.ErrorIs(t, v.err, geminio.ErrClientIDInUse)
				require.ErrorIs(t, p.hc.ended(t), ErrUnknown)
			} else {
				require.ErrorIs(t, v.err, ErrUnknown)
				require.True(t, p.client.Detached())
			}
			p.end()
		}
	})
}

func TestResumesThatMoveNothingAreHeldBackAndAtLastEndTheSession(t *testing.T) { // W68
	synctest.Test(t, func(t *testing.T) {
		p := newCouple(t, time.Hour)
		var waited int
		for n := 0; ; {
			p.cut()
			v := p.tryResume(p.server, false, nil, nil)
			var later *RetryAfter
			switch {
			case v.resumed:
				<-p.again
				synctest.Wait() // the server has noticed nothing yet, and needs not
				n++
				continue
			case errors.As(v.err, &later):
				require.Equal(t, fruitlessMost, n-waited*fruitlessMost, "ten in ten seconds")
				require.Positive(t, later.Delay)
				require.LessOrEqual(t, later.Delay, fruitlessWindow+time.Millisecond)
				waited++
				p.suspended <- struct{}{} // cut waits for it, and there is none
				time.Sleep(later.Delay)
				continue
			}
			require.Equal(t, fruitlessLimit, n)
			require.ErrorIs(t, p.hs.ended(t), ErrStuck)
			require.ErrorIs(t, p.hc.ended(t), ErrUnknown)
			v.startAndEnd(t)
			return
		}
	})
}

func TestQuickCutsInALivingTransferAreServedAtOnce(t *testing.T) { // W68
	synctest.Test(t, func(t *testing.T) {
		p := newCouple(t, time.Minute)
		for i := range 100 {
			append1(t, p.client, packet.Messages, 3, 100)
			p.hs.received(t, i+1)
			p.cut()
			p.resume()
		}
		require.EqualValues(t, 100, p.client.Stats().Resumes)
		p.end()
	})
}

func TestASessionThatIsCarriedDoesNotResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newCouple(t, time.Minute)
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			nc, _ := memnet.Pipe()
			_, err := p.client.Resume(nc, false)
			require.Error(t, err)
			_, err = nc.Write([]byte{1})
			require.ErrorIs(t, err, net.ErrClosed)
		}()
		synctest.Wait()
		select {
		case <-gone:
			require.Fail(t, "it waits until the transport is gone")
		default:
		}
		p.end()
		<-gone
	})
}

func TestAConnectionThatIsNoSessionDoesNotResume(t *testing.T) {
	a, _ := memnet.Pipe()
	c, h := start(a, Config{}, true)
	require.Zero(t, c.SessionID())
	nc, _ := memnet.Pipe()
	_, err := c.Resume(nc, true)
	require.ErrorIs(t, err, ErrUnknown)
	_, err = nc.Write([]byte{1})
	require.ErrorIs(t, err, net.ErrClosed)
	a.Close()
	require.ErrorIs(t, h.ended(t), geminio.ErrSessionLost)
	require.False(t, c.Detached())
}

func TestAttemptsDoNotProlongTheGrace(t *testing.T) { // W77
	synctest.Test(t, func(t *testing.T) {
		p := newCouple(t, 10*time.Second)
		p.cut()
		began := time.Now()
		for time.Since(began) < 9*time.Second {
			nc, far := memnet.Pipe()
			far.Close()
			_, err := p.client.Resume(nc, false)
			require.Error(t, err)
			time.Sleep(time.Second)
		}
		require.ErrorIs(t, p.hc.ended(t), ErrGrace)
		require.ErrorIs(t, p.hs.ended(t), ErrGrace)
		require.Equal(t, 10*time.Second, time.Since(began))
	})
}

func TestEachOutageHasTheWholeGrace(t *testing.T) { // W77
	synctest.Test(t, func(t *testing.T) {
		p := newCouple(t, 10*time.Second)
		for range 5 {
			p.cut()
			time.Sleep(8 * time.Second)
			append1(t, p.client, packet.Messages, 3, 100)
			p.resume()
			time.Sleep(time.Second)
		}
		p.hs.received(t, 5)
		p.end()
	})
}

func TestSuspendedAndResumedAlternate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newCouple(t, time.Minute)
		var said []string
		synctest.Wait()
		p.client.onSuspended = func(cause error) {
			require.True(t, p.client.Detached())
			require.Error(t, cause)
			said = append(said, "suspended")
			p.suspended <- struct{}{}
		}
		p.client.onResumed = func() {
			said = append(said, "resumed")
			p.again <- struct{}{}
		}
		for range 3 {
			p.cut()
			p.resume()
		}
		p.end()
		require.Equal(t, []string{"suspended", "resumed", "suspended", "resumed", "suspended", "resumed"}, said)
	})
}

func TestCloseOfASessionThatNothingCarriesDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newCouple(t, time.Minute)
		p.cut()
		began := time.Now()
		p.client.Shutdown(0, "")
		p.client.Close()
		require.Error(t, p.hc.ended(t))
		p.server.Shutdown(0, "")
		p.server.Close()
		require.Zero(t, time.Since(began))
		p.end()
	})
}

// What a resume repeats is what the other side has not got, no more.
func TestAResumeRepeatsWhatIsMissing(t *testing.T) { // W73
	synctest.Test(t, func(t *testing.T) {
		p := newCouple(t, time.Minute)
		append1(t, p.client, packet.Messages, 3, 1000)
		p.hs.received(t, 1)
		synctest.Wait()
		p.inClient.(*memnet.Conn).Stall(true)
		append1(t, p.client, packet.Messages, 3, 2000)
		synctest.Wait()
		p.cut()
		append1(t, p.client, packet.Messages, 3, 4000) // was never sent
		p.resume()
		p.hs.received(t, 3)
		s := p.client.Stats()
		require.EqualValues(t, packet.HeaderLen+2000, s.RepeatedLast)
		require.EqualValues(t, 1, s.Resumes)
		p.end()
	})
}

func TestASilentSessionMayBeCutAsOftenAsItHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newCouple(t, time.Minute)
		for range 3 * fruitlessLimit {
			time.Sleep(fruitlessWindow)
			p.cut()
			p.resume()
		}
		require.EqualValues(t, 3*fruitlessLimit, p.client.Stats().Resumes)
		p.end()
	})
}
