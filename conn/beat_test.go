//go:build go1.25

package conn

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
)

// living has p read everything and answer each PING, until it is hung up. It
// returns when the beats came, since now.
func (p *peer) living() (beats func() []time.Duration) {
	var mu sync.Mutex
	var times []time.Duration
	began := time.Now()
	go func() {
		for {
			f, err := p.read()
			if err != nil {
				return
			}
			if f.Type != packet.TypePing {
				continue
			}
			ping, err := packet.ParsePing(f.payload)
			if err != nil {
				return
			}
			if ping.Kind == packet.PingBeat {
				mu.Lock()
				times = append(times, time.Since(began))
				mu.Unlock()
			}
			if _, err := p.nc.Write(p.bytesOf(pong(ping, p.got))); err != nil {
				return
			}
		}
	}()
	return func() []time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return append([]time.Duration(nil), times...)
	}
}

const s = time.Second

func TestABeatGoesOutEachIntervalWhateverElseIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, p := withPeer(t, Config{Heartbeat: 2 * s}, true)
		beats := p.living()
		for range 42 {
			append1(t, c, packet.Messages, 3, 100)
			time.Sleep(s / 4)
		}
		require.Equal(t, []time.Duration{2 * s, 4 * s, 6 * s, 8 * s, 10 * s}, beats())
	})
}

func TestAServerDoesNotBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, p := withPeer(t, Config{Heartbeat: 2 * s}, false)
		p.send()
		beats := p.living()
		time.Sleep(8 * s)
		require.Empty(t, beats())
	})
}

func TestAPeerIsDeadAfterTwoIntervalsAndFiveSecondsWithoutAByte(t *testing.T) {
	for _, client := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			_, h, _ := withPeer(t, Config{Heartbeat: 3 * s}, client)
			<-h.closed
			require.Equal(t, 11*s, time.Since(began))
			require.ErrorIs(t, h.ended(t), ErrDead)
		})
	}
}

func TestAnyByteIsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h, p := withPeer(t, Config{Heartbeat: 3 * s}, false)
		wire := p.bytesOf(data(3, 4))
		var last time.Time
		for i := range wire {
			time.Sleep(11*s - 1)
			_, err := p.nc.Write(wire[i : i+1])
			require.NoError(t, err)
			last = time.Now()
		}
		require.Len(t, h.received(t, 1), 1)
		<-h.closed
		require.Equal(t, 11*s, time.Since(last))
		require.ErrorIs(t, h.ended(t), ErrDead)
	})
}

func TestAPeerThatTakesNothingButSpeaksIsNotDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		_, h := start(a, Config{Heartbeat: s}, true)
		p := &peer{t: t, nc: b}
		for range 20 {
			time.Sleep(5 * s)
			p.send(plain(200, 0, 1))
		}
		synctest.Wait()
		require.Empty(t, h.endings)
		require.NoError(t, b.Close())
		require.Error(t, h.ended(t))
	})
}

func TestBeatIsCalledOncePerBeatAndNotForProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := make(chan struct{}, 100)
		_, _, p := withPeer(t, Config{Beat: func() { calls <- struct{}{} }}, false)
		for i, kind := range []packet.PingKind{packet.PingBeat, packet.PingProbe, packet.PingBeat, packet.PingProbe} {
			p.send(p.ping(kind, uint64(i)))
			synctest.Wait()
		}
		require.Len(t, calls, 2)
		for i := range 5 { // in one read
			p.send(p.ping(packet.PingBeat, uint64(i)))
		}
		synctest.Wait()
		require.Len(t, calls, 7)
	})
}

func TestBeatMayBlockAndIsCalledOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most, calls int
		var mu sync.Mutex
		goOn := make(chan struct{})
		_, h, p := withPeer(t, Config{Beat: func() {
			mu.Lock()
			running++
			calls++
			most = max(most, running)
			mu.Unlock()
			<-goOn
			mu.Lock()
			running--
			mu.Unlock()
		}}, false)
		p.send(p.ping(packet.PingBeat, 0))
		synctest.Wait()
		for i := range 3 * beatsPending {
			p.send(p.ping(packet.PingBeat, uint64(i)))
		}
		p.send(data(3, 5))
		h.received(t, 1) // the reader goes on
		synctest.Wait()
		close(goOn)
		synctest.Wait()
		require.Equal(t, 1, most)
		require.Equal(t, 1+beatsPending, calls, "a flood makes no queue")
	})
}

func TestProgressIsToldWithin200Milliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, p := withPeer(t, Config{}, false)
		began := time.Now()
		p.send(data(3, 92))
		time.Sleep(50 * time.Millisecond)
		p.send(data(3, 92))
		f := p.next()
		require.Equal(t, packet.TypeAck, f.Type)
		require.Equal(t, ackLatest, time.Since(began))
		got, err := packet.ParseAck(f.payload)
		require.NoError(t, err)
		require.EqualValues(t, 200, got.Position)
		p.silent(2 * s) // there is no progress to tell

		began = time.Now()
		p.send(data(3, 92))
		require.Equal(t, packet.TypeAck, p.next().Type)
		require.Equal(t, ackLatest, time.Since(began), "and again")
	})
}

func TestWhatPongHasToldNeedsNoAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, p := withPeer(t, Config{}, false)
		p.send(data(3, 92))
		synctest.Wait()
		p.send(p.ping(packet.PingProbe, 1))
		f := p.next()
		require.Equal(t, packet.TypePong, f.Type)
		got, err := packet.ParsePong(f.payload)
		require.NoError(t, err)
		require.EqualValues(t, 100, got.Position)
		p.silent(2 * s)
	})
}

func TestHeldStreamBytesGoOnThoughThePingIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, p := withPeer(t, Config{}, false)
		append1(t, c, packet.Bulk, 3, 100)
		p.want(packet.TypeMessage)
		c.mu.Lock()
		c.flow.rtt, c.flow.rttAt = time.Microsecond, time.Now().Add(-rttRenew)
		c.mu.Unlock()
		began := time.Now()
		append1(t, c, packet.Bulk, 3, 100)
		p.want(packet.TypeMessage)
		require.Equal(t, holdLongest+time.Millisecond, time.Since(began))
	})
}
