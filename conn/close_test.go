//go:build go1.25

package conn

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
)

// shutAndClose asks for the end and waits for it, and returns how long that took.
func shutAndClose(c *Conn) time.Duration {
	began := time.Now()
	c.Shutdown(uint16(packet.CodeClosed), "")
	c.Close()
	return time.Since(began)
}

// endedAfter waits for HandleClosed and returns its error and the time.
func endedAfter(t *testing.T, h *recorder, began time.Time) (time.Duration, error) {
	<-h.closed
	took := time.Since(began)
	return took, h.ended(t)
}

func TestCloseReturnsWhenThePeerConfirms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h, p := withPeer(t, Config{}, true)
		append1(t, c, packet.Messages, 3, 100)
		go func() {
			p.want(packet.TypeMessage)
			p.want(packet.TypeClose)
			time.Sleep(300 * time.Millisecond) // its farewells
			p.send(closedFrame)
			p.rest()
			p.nc.Close()
		}()
		require.Equal(t, 300*time.Millisecond, shutAndClose(c))
		require.NoError(t, h.ended(t))
		require.Zero(t, shutAndClose(c), "again")
	})
}

func TestCloseOfAConnectionThatThePeerHasClosedReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h, p := withPeer(t, Config{}, true)
		h.onClose = func(packet.Code, string) {} // its farewells take time
		p.send(closeFrame(packet.CodeClosed, ""))
		synctest.Wait()
		require.Zero(t, shutAndClose(c))
		c.Offline()
		require.Equal(t, []frame{{packet.Header{Type: packet.TypeClosed}, []byte{}}}, p.rest())
		require.NoError(t, p.nc.Close())
		require.NoError(t, h.ended(t))
	})
}

func TestCloseWaitsTwoSecondsForAPeerThatTakesNothingAndTheConnectionTen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		c, h := start(a, Config{}, true)
		began := time.Now()
		p := &peer{t: t, nc: b}
		go p.chatter(h)
		require.Equal(t, closeIdle, shutAndClose(c))
		took, err := endedAfter(t, h, began)
		require.Equal(t, drainIdle, took)
		require.ErrorIs(t, err, ErrStalled)
		require.NoError(t, b.Close())
	})
}

// chatter has p beat, so that it shows life, until the connection ends.
func (p *peer) chatter(h *recorder) {
	for {
		select {
		case <-h.closed:
			return
		case <-time.After(s):
			_, _ = p.nc.Write(p.bytesOf(p.ping(packet.PingBeat, 0)))
		}
	}
}

// slowly has p take bytes bit by bit and acknowledge them, until CLOSE comes or
// n bits are taken.
func (p *peer) slowly(n int) (closed bool) {
	for range n {
		time.Sleep(s / 2)
		for range 10 {
			switch f := p.next(); f.Type {
			case packet.TypeClose:
				return true
			case packet.TypePing:
				ping, _ := packet.ParsePing(f.payload)
				p.send(pong(ping, p.got))
			}
		}
		p.send(ack(p.got))
	}
	return false
}

func TestWhatASlowPeerHasNotTakenInFiveSecondsDrainsInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h, p := withPeer(t, Config{}, false)
		put(t, c, packet.Messages, packet.TypeMessage, 400, 8*kib)
		began := time.Now()
		done := make(chan bool, 1)
		go func() {
			done <- p.slowly(1000)
			p.send(closedFrame)
			p.rest()
			p.nc.Close()
		}()
		require.Equal(t, closeLongest, shutAndClose(c))
		took, err := endedAfter(t, h, began)
		require.NoError(t, err)
		require.Greater(t, took, 15*s)
		require.True(t, <-done, "all was taken")
	})
}

func TestADrainEndsWhenThePeerTakesNothingForTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h, p := withPeer(t, Config{}, false)
		put(t, c, packet.Messages, packet.TypeMessage, 400, 8*kib)
		stopped := make(chan time.Time, 1)
		go func() {
			p.slowly(16) // 8 s
			stopped <- time.Now()
			p.chatter(h)
		}()
		require.Equal(t, closeLongest, shutAndClose(c))
		since, err := endedAfter(t, h, <-stopped)
		require.Equal(t, drainIdle, since)
		require.ErrorIs(t, err, ErrStalled)
	})
}

func TestBeatsThatAreTakenAndAnsweredKeepNoClosedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h, p := withPeer(t, Config{Heartbeat: s / 2}, true)
		p.living() // takes CLOSE, and does not confirm it
		began := time.Now()
		const told = s / 2 // the answer to the first beat acknowledges CLOSE
		require.Equal(t, told+closeIdle, shutAndClose(c))
		took, err := endedAfter(t, h, began)
		require.Equal(t, told+drainIdle, took)
		require.ErrorIs(t, err, ErrStalled)
	})
}

func TestAPeerThatClosesAndTakesNothingIsGivenTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		_, h := start(a, Config{}, false)
		p := &peer{t: t, nc: b}
		began := time.Now()
		p.send(closeFrame(packet.CodeClosed, ""))
		hungUp := make(chan struct{})
		go func() { // it speaks, but does not read
			defer close(hungUp)
			for {
				time.Sleep(s)
				if _, err := b.Write(encode(pong(packet.Ping{Kind: packet.PingBeat}, 0))); err != nil {
					return
				}
			}
		}()
		took, err := endedAfter(t, h, began)
		require.Equal(t, drainIdle, took)
		require.NoError(t, err, "all was said")
		require.NoError(t, b.Close())
		<-hungUp
	})
}

func TestReplaceTellsThePeerBeforeAllThatIsQueuedAndNothingFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h, p := withPeer(t, Config{}, false)
		put(t, c, packet.Bulk, packet.TypeData, 40, 32*kib) // more than the cap lets out
		synctest.Wait()
		put(t, c, packet.Messages, packet.TypeMessage, 40, 32*kib) // more than the buffer takes
		began := time.Now()
		c.Replace()
		c.Replace()
		require.Zero(t, time.Since(began))
		var last frame
		for last.Type != packet.TypeClose {
			last = p.next()
		}
		got, err := packet.ParseClose(last.payload)
		require.NoError(t, err)
		require.Equal(t, packet.CodeReplaced, got.Code)
		require.Less(t, p.got, uint64(80*32*kib))
		require.Empty(t, p.rest())
		took, err := endedAfter(t, h, began)
		require.ErrorIs(t, err, ErrReplaced)
		require.Equal(t, leaveGrace, took)
	})
}

func TestReplaceEndsAtOnceWhenThePeerConfirms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h, p := withPeer(t, Config{}, false)
		began := time.Now()
		c.Replace()
		p.want(packet.TypeClose)
		p.send(closedFrame)
		require.Empty(t, p.rest())
		require.NoError(t, p.nc.Close())
		took, err := endedAfter(t, h, began)
		require.Zero(t, took)
		require.ErrorIs(t, err, ErrReplaced)
	})
}

func TestReplaceWaitsNoLongerForAPeerThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		c, h := start(a, Config{}, false)
		began := time.Now()
		c.Replace()
		took, err := endedAfter(t, h, began)
		require.Equal(t, leaveGrace, took)
		require.ErrorIs(t, err, ErrReplaced)
		require.NoError(t, b.Close())
	})
}

func TestAfterTheLastByteThePeersEndIsAwaitedForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h, p := withPeer(t, Config{}, false)
		c.Shutdown(0, "")
		p.want(packet.TypeClose)
		p.send(closedFrame)
		began := time.Now()
		require.Empty(t, p.rest(), "this side has ended its bytes")
		p.send(p.ping(packet.PingBeat, 1)) // cannot be answered any more
		took, err := endedAfter(t, h, began)
		require.NoError(t, err)
		require.Equal(t, lingerLongest, took)
	})
}

func TestWhatThePeerSaidBeforeItHungUpIsHeardThoughWritingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h, p := withPeer(t, Config{}, false)
		h.onFrame = func() { // holds the reader until writing has failed
			for {
				c.mu.Lock()
				failed := c.mute
				c.mu.Unlock()
				if failed {
					return
				}
				time.Sleep(time.Millisecond)
			}
		}
		c.Shutdown(0, "")
		p.want(packet.TypeClose)
		p.send(p.ping(packet.PingBeat, 1), plain(packet.TypeOpened, 3, 0), closedFrame)
		require.NoError(t, p.nc.Close())
		require.NoError(t, h.ended(t), "it said CLOSED")
	})
}

func TestAWriteThatFailsEndsTheConnectionWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		c, h := start(brokenWriter{a}, Config{}, false)
		began := time.Now()
		append1(t, c, packet.Messages, 3, 10)
		took, err := endedAfter(t, h, began)
		require.ErrorIs(t, err, errBroken)
		require.LessOrEqual(t, took, lingerLongest)
		require.NoError(t, b.Close())
	})
}
