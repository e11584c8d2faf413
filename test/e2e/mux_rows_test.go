package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/test/harness"
)

func TestGreetingWrittenRightAfterAcceptArrives(t *testing.T) {
	t.Parallel()
	const streams = 3000
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	done := harness.Go(func() error {
		for range streams {
			st, err := s.AcceptStream()
			if err != nil {
				return err
			}
			if _, err := st.Write([]byte("hello")); err != nil {
				return err
			}
			if err := st.Close(); err != nil {
				return err
			}
		}
		return nil
	})
	buf := make([]byte, 5)
	for i := range streams {
		opts := options.OpenStream()
		opts.SetWait(i%2 == 0)
		st, err := c.OpenStream(opts)
		require.NoError(t, err)
		require.NoError(t, st.SetReadDeadline(time.Now().Add(harness.Soon)))
		_, err = io.ReadFull(st, buf)
		require.NoError(t, err, "greeting %d", i)
		require.Equal(t, "hello", string(buf))
		require.NoError(t, st.Close())
	}
	require.NoError(t, harness.Get(t, done, "the accept loop's end"))
}

func TestUnreadStreamsDoNotStopAHealthyOne(t *testing.T) {
	for _, carrier := range []harness.Carrier{harness.TCP, harness.Pipe} {
		t.Run(carrier.Name, func(t *testing.T) {
			t.Parallel()
			c, s := harness.Ends(t, carrier, nil, nil)
			require.NoError(t, s.Hijack(harness.Echo))
			var writers sync.WaitGroup
			block := make([]byte, 1<<20)
			for range 80 {
				opened, _ := harness.OpenPair(t, c, s)
				require.NoError(t, opened.SetWriteDeadline(time.Now().Add(time.Second)))
				writers.Add(1)
				go func() {
					defer writers.Done()
					for {
						if _, err := opened.Write(block); err != nil {
							return
						}
					}
				}()
			}
			for i := range 20 {
				opened, accepted := harness.OpenPair(t, c, s)
				harness.Exchange(t, opened, accepted, fmt.Sprint("to ", i))
				harness.Exchange(t, accepted, opened, fmt.Sprint("fro ", i))
				rsp, err := c.Call(harness.Context(t), "echo", c.NewRequest([]byte("call")))
				require.NoError(t, err)
				require.Equal(t, "call", string(rsp.Data()))
			}
			writers.Wait()
			opened, accepted := harness.OpenPair(t, s, c)
			harness.Exchange(t, opened, accepted, "all are full")
		})
	}
}

func TestExpiredReadDeadlinesDoNotStallATransfer(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	opened, accepted := harness.OpenPair(t, c, s)
	sent := harness.Pattern(8 << 20)
	wrote := harness.Go(func() error {
		_, err := opened.Write(sent)
		return errors.Join(err, opened.Close())
	})
	var got bytes.Buffer
	buf := make([]byte, 16<<10)
	giveUp := time.Now().Add(30 * time.Second)
	for i := 0; ; i++ {
		require.True(t, time.Now().Before(giveUp), "stalled at %d", got.Len())
		deadline := time.Now().Add(time.Millisecond)
		if i%3 == 0 {
			deadline = time.Now().Add(-time.Second)
		}
		require.NoError(t, accepted.SetReadDeadline(deadline))
		n, err := accepted.Read(buf)
		got.Write(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		}
		if i%3 == 0 {
			require.Zero(t, n, "bytes were read past the deadline")
		}
	}
	require.NoError(t, harness.Get(t, wrote, "the end of Write"))
	require.True(t, bytes.Equal(sent, got.Bytes()), "the bytes arrived changed")
}

func TestAcceptedStreamLivesThoughTheProgramDropsIt(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	opened, err := c.OpenStream()
	require.NoError(t, err)
	_, err = s.AcceptStream()
	require.NoError(t, err)
	for range 3 {
		runtime.GC()
	}
	require.NoError(t, opened.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err = opened.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	_, err = opened.Write([]byte("still there"))
	require.NoError(t, err)
	require.Len(t, s.ListStreams(), 2)
	for _, st := range s.ListStreams() {
		if st.StreamID() == opened.StreamID() {
			require.Equal(t, "still there", string(harness.Read(t, st, 64)))
		}
	}
}

func TestConcurrentWritesUnderShortDeadlinesLeaveTheConnectionWhole(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	require.NoError(t, s.Hijack(harness.Echo))
	for range 20 {
		opened, accepted := harness.OpenPair(t, c, s)
		read := harness.Go(func() error {
			_, err := io.Copy(io.Discard, accepted)
			return err
		})
		var writers sync.WaitGroup
		for range 10 {
			writers.Add(1)
			go func() {
				defer writers.Done()
				b := make([]byte, 30_000)
				for range 10 {
					_ = opened.SetWriteDeadline(time.Now().Add(time.Millisecond))
					_, err := opened.Write(b)
					if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error(err)
					}
					clear(b) // the writer may do with it what it likes
				}
			}()
		}
		writers.Wait()
		require.NoError(t, opened.Close())
		require.NoError(t, harness.Get(t, read, "the reader's end"))
	}
	_, err := c.Call(harness.Context(t), "echo", c.NewRequest(nil))
	require.NoError(t, err)
}

func TestCloseOfStreamAndEndLosesNothing(t *testing.T) {
	for _, carrier := range harness.Carriers() {
		t.Run(carrier.Name, func(t *testing.T) {
			t.Parallel()
			sent := harness.Pattern(200 << 10)
			for i := range 30 {
				c, s := harness.Ends(t, carrier, nil, nil)
				opened, accepted := harness.OpenPair(t, c, s)
				// the side that closes has bytes of its peer it never reads
				_, err := accepted.Write(sent[:50<<10])
				require.NoError(t, err)
				got := make(chan []byte, 1)
				go func() {
					b, err := io.ReadAll(accepted)
					assertNil(t, err)
					got <- b
				}()
				_, err = opened.Write(sent)
				require.NoError(t, err)
				require.NoError(t, opened.Close())
				require.NoError(t, c.Close())
				require.True(t, bytes.Equal(sent, harness.Get(t, got, "the rest")), "run %d lost bytes", i)
				require.NoError(t, s.Close())
			}
		})
	}
}

func assertNil(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

func TestTimedOutWriteTellsExactlyWhatWasTaken(t *testing.T) {
	for _, size := range []int{64, 1000, 4096, 5000, 100_000, 3 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			c, s := harness.Ends(t, harness.TCP, nil, nil)
			opened, accepted := harness.OpenPair(t, c, s)
			pattern := harness.Pattern(40 << 20)
			var sent int
			for {
				require.NoError(t, opened.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
				require.LessOrEqual(t, sent+size, len(pattern), "nothing stops the writer")
				n, err := opened.Write(pattern[sent : sent+size])
				sent += n
				if err != nil {
					require.ErrorIs(t, err, os.ErrDeadlineExceeded)
					if size <= 4096 {
						require.Zero(t, n, "a small write was split")
					}
					break
				}
			}
			got := make([]byte, len(pattern))
			read := harness.Go(func() error {
				n, err := io.ReadFull(accepted, got[:sent+6])
				got = got[:n]
				return err
			})
			require.NoError(t, opened.SetWriteDeadline(time.Now().Add(harness.Soon)))
			_, err := opened.Write([]byte("marker"))
			require.NoError(t, err)
			require.NoError(t, harness.Get(t, read, "the bytes"))
			require.Equal(t, "marker", string(got[sent:]))
			require.True(t, bytes.Equal(pattern[:sent], got[:sent]))
		})
	}
}

func TestPastDeadlineWakesPendingReadAndWrite(t *testing.T) {
	t.Parallel()
	for _, carrier := range harness.Carriers() {
		c, s := harness.Ends(t, carrier, nil, nil)
		opened, accepted := harness.OpenPair(t, c, s)
		harness.Fill(t, opened)
		read := harness.Go(func() error {
			_, err := opened.Read(make([]byte, 1))
			return err
		})
		write := harness.Go(func() error {
			_, err := opened.Write(make([]byte, 1<<20))
			return err
		})
		require.NoError(t, opened.SetDeadline(time.Unix(1, 0)))
		require.ErrorIs(t, harness.Get(t, read, "the end of Read"), os.ErrDeadlineExceeded)
		require.ErrorIs(t, harness.Get(t, write, "the end of Write"), os.ErrDeadlineExceeded)

		require.NoError(t, opened.SetDeadline(time.Time{}))
		_, err := accepted.Write([]byte("on"))
		require.NoError(t, err)
		require.Equal(t, "on", string(harness.Read(t, opened, 8)))
	}
}

func TestExpiredDeadlineFailsAWriteThatHasCredit(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	opened, accepted := harness.OpenPair(t, c, s)
	require.NoError(t, opened.SetWriteDeadline(time.Now().Add(-time.Second)))
	n, err := opened.Write([]byte("too late"))
	require.Zero(t, n)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, opened.SetWriteDeadline(time.Time{}))
	harness.Exchange(t, opened, accepted, "in time")
}

func TestExpiredDeadlineFailsAReadThatHasBytes(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	opened, accepted := harness.OpenPair(t, c, s)
	_, err := opened.Write([]byte("ab"))
	require.NoError(t, err)
	require.Equal(t, "a", string(harness.Read(t, accepted, 1)))
	require.NoError(t, accepted.SetReadDeadline(time.Now().Add(-time.Second)))
	n, err := accepted.Read(make([]byte, 8))
	require.Zero(t, n)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Equal(t, "b", string(harness.Read(t, accepted, 8)))
}

func TestOneUnreadStreamStopsNothingAndItsLateReaderGetsAll(t *testing.T) {
	for _, carrier := range harness.Carriers() {
		t.Run(carrier.Name, func(t *testing.T) {
			t.Parallel()
			c, s := harness.Ends(t, carrier, nil, nil)
			require.NoError(t, s.Hijack(harness.Echo))
			opened, accepted := harness.OpenPair(t, c, s)
			sent := harness.Pattern(24 << 20)
			wrote := harness.Go(func() error {
				_, err := opened.Write(sent)
				return errors.Join(err, opened.Close())
			})
			for range 50 {
				_, err := c.Call(harness.Context(t), "echo", c.NewRequest(make([]byte, 1000)))
				require.NoError(t, err)
				o, a := harness.OpenPair(t, s, c)
				harness.Exchange(t, o, a, "passing by")
				require.NoError(t, o.Close())
			}
			got, err := io.ReadAll(accepted)
			require.NoError(t, err, "the end is not clean")
			require.True(t, bytes.Equal(sent, got))
			require.NoError(t, harness.Get(t, wrote, "the end of Write"))
		})
	}
}

func TestConcurrentWritesDoNotMix(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	opened, accepted := harness.OpenPair(t, c, s)
	const writers, rounds, size = 8, 20, 100_000
	var wg sync.WaitGroup
	for w := range writers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			block := bytes.Repeat([]byte{byte('a' + w)}, size)
			for range rounds {
				_, err := opened.Write(block)
				assertNil(t, err)
			}
		}()
	}
	block := make([]byte, size)
	for i := range writers * rounds {
		require.NoError(t, accepted.SetReadDeadline(time.Now().Add(harness.Soon)))
		_, err := io.ReadFull(accepted, block)
		require.NoError(t, err)
		require.Equal(t, size, bytes.Count(block, block[:1]), "block %d is mixed", i)
	}
	wg.Wait()
}

func TestCancelledCallsAreWithdrawnThoughTheConnectionIsFullOfBytes(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	var cancelled sync.WaitGroup
	cancelled.Add(50)
	require.NoError(t, s.Register(harness.Context(t), "wait", func(ctx context.Context, _ geminio.Request, _ geminio.Response) {
		<-ctx.Done()
		cancelled.Done()
	}))
	for range 8 {
		opened, _ := harness.OpenPair(t, c, s)
		go func() { _, _ = opened.Write(make([]byte, 64<<20)) }()
	}
	for range 50 {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err := c.Call(ctx, "wait", c.NewRequest(nil))
		require.ErrorIs(t, err, context.Canceled)
	}
	harness.Within(t, harness.Soon, "the end of the handlers", cancelled.Wait)
}
