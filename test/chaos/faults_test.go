//go:build go1.25

package chaos_test

import (
	"bytes"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/test/chaos"
)

const (
	ms  = time.Millisecond
	kib = 1 << 10
)

// bubble runs f in a bubble with a connection that follows the script, and
// closes what f has not.
func bubble(t *testing.T, script chaos.Script, f func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		client, server := chaos.Pipe(script...)
		defer client.Close()
		defer server.Close()
		f(t, client, server, func() time.Duration { return time.Since(start) })
	})
}

func TestResetAtAByteDeliversThatManyAndNoMore(t *testing.T) {
	for after := range int64(20) {
		bubble(t, chaos.Script{{Direction: chaos.Up, After: after, Fault: chaos.Reset{}}},
			func(t *testing.T, client, server *chaos.Conn, _ func() time.Duration) {
				for i := range byte(10) {
					client.Write([]byte{3 * i, 3*i + 1, 3*i + 2})
				}
				got, err := io.ReadAll(server)
				require.ErrorIs(t, err, syscall.ECONNRESET)
				want := make([]byte, after)
				for i := range want {
					want[i] = byte(i)
				}
				require.Equal(t, want, got)
				for _, c := range []net.Conn{client, server} {
					_, err = c.Write([]byte("x"))
					require.ErrorIs(t, err, syscall.ECONNRESET)
				}
				_, err = client.Read(make([]byte, 1))
				require.ErrorIs(t, err, syscall.ECONNRESET)
				require.Equal(t, 1, client.Link().Stats().Cuts)
				require.Equal(t, after, client.Link().Stats().Up.Out)
			})
	}
}

func TestResetAtATimeEndsBlockedReadsAndWrites(t *testing.T) {
	bubble(t, chaos.Script{{At: 1500 * ms, Fault: chaos.Reset{}}},
		func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration) {
			ends := make(chan error, 2)
			go func() {
				_, err := client.Write(make([]byte, 1<<20))
				ends <- err
			}()
			go func() {
				_, err := client.Read(make([]byte, 1))
				ends <- err
			}()
			for range 2 {
				require.ErrorIs(t, <-ends, syscall.ECONNRESET)
				require.Equal(t, 1500*ms, passed())
			}
		})
}

func TestAResetLosesWhatIsUnderWay(t *testing.T) {
	bubble(t, chaos.Script{{Fault: chaos.Delay{Base: 100 * ms}}, {At: 150 * ms, Fault: chaos.Reset{}}},
		func(t *testing.T, client, server *chaos.Conn, _ func() time.Duration) {
			write(t, client, "there")
			time.Sleep(60 * ms)
			write(t, client, "lost")
			got, err := io.ReadAll(server)
			require.ErrorIs(t, err, syscall.ECONNRESET)
			require.Equal(t, "there", string(got))
		})
}

func TestCloseEndsBothDirectionsInOrder(t *testing.T) {
	bubble(t, chaos.Script{{Direction: chaos.Up, After: 4, Fault: chaos.Close{}}},
		func(t *testing.T, client, server *chaos.Conn, _ func() time.Duration) {
			write(t, server, "down")
			write(t, client, "up, and more")
			require.Equal(t, "up, ", rest(t, server))
			require.Equal(t, "down", rest(t, client))
			for _, c := range []net.Conn{client, server} {
				_, err := c.Write([]byte("x"))
				require.ErrorIs(t, err, syscall.EPIPE)
			}
			require.Equal(t, 1, client.Link().Stats().Cuts)
		})
}

func TestCloseWriteEndsOneDirectionAndTheWriterDoesNotKnow(t *testing.T) {
	bubble(t, chaos.Script{{Direction: chaos.Up, After: 4, Fault: chaos.CloseWrite{}}},
		func(t *testing.T, client, server *chaos.Conn, _ func() time.Duration) {
			write(t, client, "up, and more")
			require.Equal(t, "up, ", rest(t, server))
			write(t, client, string(make([]byte, 1<<20)))
			write(t, server, "down")
			require.Equal(t, "down", string(read(t, client, 4)))
		})
}

func TestABlackHoleSwallowsOneWayAndTheConnectionStays(t *testing.T) {
	bubble(t, chaos.Script{{Direction: chaos.Up, After: 4, Fault: chaos.BlackHole{}}},
		func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration) {
			write(t, client, "up, and more")
			write(t, client, string(make([]byte, 10<<20))) // does not wait
			require.Zero(t, passed())
			write(t, server, "down")
			require.Equal(t, "down", string(read(t, client, 4)))
			require.NoError(t, client.Close())

			require.Equal(t, "up, ", string(read(t, server, 4)))
			require.NoError(t, server.SetReadDeadline(time.Now().Add(time.Hour)))
			_, err := server.Read(make([]byte, 1))
			require.True(t, isTimeout(err), "not even the end arrives: %v", err)
			require.Equal(t, time.Hour, passed())
			write(t, server, "nobody there")
		})
}

func TestAStallHoldsBytesAndTheEndForATimeAndTheWriterWhenTheQueueIsFull(t *testing.T) {
	bubble(t, chaos.Script{{Direction: chaos.Up, After: 4, Fault: chaos.Stall{For: 3 * time.Second}}},
		func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration) {
			data := bytes.Repeat([]byte("data"), 50*kib)
			go func() {
				client.Write(data)
				client.Close()
			}()
			require.Equal(t, "data", string(read(t, server, 4)))
			require.Zero(t, passed())
			synctest.Wait()
			require.LessOrEqual(t, client.Link().Stats().Up.In, int64(128*kib), "the writer waits")
			read(t, server, 1)
			require.Equal(t, 3*time.Second, passed())
			require.Equal(t, string(data[5:]), rest(t, server))
			require.Equal(t, 3*time.Second, passed())
		})
}

func TestAStallIsReleasedByAStepOrOnDemand(t *testing.T) {
	bubble(t, chaos.Script{{Fault: chaos.Stall{}}, {Direction: chaos.Up, At: 2 * time.Second, Fault: chaos.Release{}}},
		func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration) {
			write(t, client, "up")
			write(t, server, "down")
			require.Equal(t, "up", string(read(t, server, 2)))
			require.Equal(t, 2*time.Second, passed())

			require.NoError(t, client.SetReadDeadline(time.Now().Add(time.Second)))
			_, err := client.Read(make([]byte, 1))
			require.True(t, isTimeout(err))
			require.NoError(t, client.SetReadDeadline(time.Time{}))
			time.AfterFunc(time.Second, func() { client.Link().Inject(chaos.Down, chaos.Release{}) })
			require.Equal(t, "down", string(read(t, client, 4)))
			require.Equal(t, 4*time.Second, passed())
		})
}

func TestDelayHoldsForEachDirectionAndForTheEnd(t *testing.T) {
	bubble(t, chaos.Script{
		{Direction: chaos.Up, Fault: chaos.Delay{Base: 30 * ms}},
		{Direction: chaos.Down, Fault: chaos.Delay{Base: 20 * ms}},
		{At: time.Second, Fault: chaos.Delay{}},
	}, func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration) {
		write(t, client, "ping")
		read(t, server, 4)
		require.Equal(t, 30*ms, passed())
		write(t, server, "pong")
		require.NoError(t, server.CloseWrite())
		read(t, client, 4)
		require.Equal(t, 50*ms, passed())
		require.Empty(t, rest(t, client))
		require.Equal(t, 50*ms, passed())

		time.Sleep(time.Second - passed())
		write(t, client, "ping")
		read(t, server, 4)
		require.Equal(t, time.Second, passed(), "the delay is over")
	})
}

func TestJitterStaysInItsBoundsKeepsOrderAndRepeatsItself(t *testing.T) {
	run := func() (waits []time.Duration) {
		bubble(t, chaos.Script{{Fault: chaos.Delay{Base: 50 * ms, Jitter: 50 * ms, Seed: 7}}},
			func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration) {
				for range 100 {
					sent := passed()
					write(t, client, "x")
					read(t, server, 1)
					waits = append(waits, passed()-sent)
				}
				for i := range byte(100) {
					write(t, client, string([]byte{i}))
				}
				for i := range byte(100) {
					require.Equal(t, []byte{i}, read(t, server, 1))
				}
			})
		return waits
	}
	waits := run()
	var sum, low, high time.Duration = 0, time.Hour, 0
	for _, d := range waits {
		sum, low, high = sum+d, min(low, d), max(high, d)
	}
	require.GreaterOrEqual(t, low, time.Duration(0))
	require.Less(t, low, 15*ms)
	require.Greater(t, high, 85*ms)
	require.LessOrEqual(t, high, 100*ms)
	require.InDelta(t, 50*ms, sum/100, float64(12*ms))
	require.Equal(t, waits, run())
}

func TestBandwidthTakesItsTimeAndItsQueueStopsTheWriter(t *testing.T) {
	const rate, queue = 64 * kib, 16 * kib
	bubble(t, chaos.Script{{Direction: chaos.Up, Fault: chaos.Bandwidth{Rate: rate, Queue: queue}}},
		func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration) {
			go func() {
				client.Write(make([]byte, 4*rate))
				client.CloseWrite()
			}()
			synctest.Wait()
			require.InDelta(t, queue, client.Link().Stats().Up.In, 1460)
			for s := range 3 {
				time.Sleep(time.Duration(s+1)*time.Second - passed())
				synctest.Wait()
				require.InDelta(t, queue+(s+1)*rate, client.Link().Stats().Up.In, 1460)
			}
			require.Len(t, rest(t, server), 4*rate)
			require.InDelta(t, 4*time.Second, passed(), float64(time.Microsecond))
			write(t, server, string(make([]byte, 100*kib)))
			read(t, client, 100*kib)
			require.InDelta(t, 4*time.Second, passed(), float64(time.Microsecond), "the other way is free")
		})
}

func TestAWireThatWasIdleOwesNothing(t *testing.T) {
	bubble(t, chaos.Script{{Fault: chaos.Bandwidth{Rate: 1000}}},
		func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration) {
			time.Sleep(10 * time.Second)
			for i := range 3 {
				write(t, client, string(make([]byte, 500)))
				read(t, server, 500)
				require.Equal(t, 10*time.Second+time.Duration(i+1)*500*ms, passed())
			}
		})
}

func TestSlicesAreSmallAndOfEverySize(t *testing.T) {
	bubble(t, chaos.Script{{Direction: chaos.Up, Fault: chaos.Slice{Max: 7}}},
		func(t *testing.T, client, server *chaos.Conn, _ func() time.Duration) {
			write(t, client, string(make([]byte, kib)))
			write(t, server, string(make([]byte, kib)))
			sizes := make(map[int]bool)
			for sum := 0; sum < kib; {
				n, err := server.Read(make([]byte, kib))
				require.NoError(t, err)
				sum += n
				sizes[n] = true
			}
			require.Len(t, sizes, 7)
			n, err := client.Read(make([]byte, kib))
			require.NoError(t, err)
			require.Equal(t, kib, n, "the other way is whole")
		})
}

func TestASlowCloseDeliversBytesAtOnceAndTheEndLate(t *testing.T) {
	bubble(t, chaos.Script{{Fault: chaos.SlowClose{Wait: time.Minute}}},
		func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration) {
			write(t, client, "last words")
			require.NoError(t, client.Close())
			read(t, server, 10)
			require.Zero(t, passed())
			require.Empty(t, rest(t, server))
			require.Equal(t, time.Minute, passed())
		})
}

func TestAStepMayCountBothDirectionsAndWaitForBytesAndTime(t *testing.T) {
	bubble(t, chaos.Script{{After: 10, At: time.Second, Fault: chaos.Reset{}}},
		func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration) {
			time.Sleep(2 * time.Second)
			write(t, client, "123456")
			read(t, server, 6)
			write(t, server, "7890x")
			got, err := io.ReadAll(client)
			require.ErrorIs(t, err, syscall.ECONNRESET)
			require.Equal(t, "7890", string(got))
			require.Equal(t, 2*time.Second, passed())
		})
	bubble(t, chaos.Script{{After: 10, At: time.Second, Fault: chaos.Reset{}}},
		func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration) {
			write(t, client, "1234567890x")
			got, err := io.ReadAll(server)
			require.ErrorIs(t, err, syscall.ECONNRESET)
			require.Equal(t, "1234567890x", string(got))
			require.Equal(t, time.Second, passed())
		})
}

func TestAnUnreadDirectionStopsItsWriterUntilItIsRead(t *testing.T) {
	bubble(t, nil, func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration) {
		require.NoError(t, client.SetWriteDeadline(time.Now().Add(time.Second)))
		n, err := client.Write(make([]byte, 1<<20))
		require.True(t, isTimeout(err))
		require.Equal(t, time.Second, passed())
		require.Equal(t, 320*kib, n)
		require.NoError(t, client.SetWriteDeadline(time.Time{}))
		go func() {
			client.Write(make([]byte, 1<<20-n))
			client.Close()
		}()
		require.Len(t, rest(t, server), 1<<20)
	})
}

func TestDeadlinesPassAtTheirTimeAndMayBeMoved(t *testing.T) {
	bubble(t, nil, func(t *testing.T, client, server *chaos.Conn, passed func() time.Duration) {
		require.NoError(t, client.SetReadDeadline(time.Now().Add(time.Second)))
		time.AfterFunc(900*ms, func() { client.SetReadDeadline(time.Now().Add(time.Hour)) })
		_, err := client.Read(make([]byte, 1))
		require.True(t, isTimeout(err))
		require.Equal(t, time.Hour+900*ms, passed())
	})
}
