package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/application"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/harness"
)

// These tests count what the whole process has: none of them is parallel.

// descriptors counts the open files of the process, where that can be told.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// settled waits until the library has no more than n goroutines.
func settled(t *testing.T, n int) {
	t.Helper()
	harness.Eventually(t, func() error {
		if got, stacks := harness.Goroutines(); got > n {
			return fmt.Errorf("%d goroutines, expected %d\n%s", got, n, stacks)
		}
		return nil
	})
}

// use does a bit of everything on a pair.
func use(c, s geminio.End) error {
	ctx, cancel := context.WithTimeout(context.Background(), harness.Soon)
	defer cancel()
	if err := s.Register(ctx, "echo", harness.EchoRPC); err != nil {
		return err
	}
	opts := options.Call()
	opts.SetTimeout(harness.Soon)
	if _, err := c.Call(ctx, "echo", c.NewRequest([]byte("call")), opts); err != nil {
		return err
	}
	st, err := c.OpenStream()
	if err != nil {
		return err
	}
	accepted, err := s.AcceptStream()
	if err != nil {
		return err
	}
	if _, err := st.Write([]byte("bytes")); err != nil {
		return err
	}
	if _, err := accepted.Read(make([]byte, 8)); err != nil {
		return err
	}
	p, err := st.PublishAsync(ctx, st.NewMessage([]byte("m")), nil)
	if err != nil {
		return err
	}
	m, err := accepted.Receive(ctx)
	if err != nil {
		return err
	}
	return errors.Join(m.Done(), (<-p.Done).Error, st.Close())
}

func TestNothingIsLeftAfterClose(t *testing.T) {
	settled(t, 0)
	files := descriptors()
	rounds := map[string]func(t *testing.T){
		"a bit of everything": func(t *testing.T) {
			c, s, err := harness.Connect(harness.TCP, nil, nil)
			require.NoError(t, err)
			require.NoError(t, use(c, s))
			harness.CloseBoth(c, s)
		},
		"lost": func(t *testing.T) {
			cc, sc, err := harness.TCP.Dial()
			require.NoError(t, err)
			c, s, err := harness.Join(cc, sc, nil, nil)
			require.NoError(t, err)
			require.NoError(t, use(c, s))
			require.NoError(t, cc.(*net.TCPConn).SetLinger(0))
			require.NoError(t, cc.Close())
			harness.CloseBoth(c, s)
		},
		"failed handshake": func(t *testing.T) {
			cc, sc, err := harness.TCP.Dial()
			require.NoError(t, err)
			_, err = cc.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
			require.NoError(t, err)
			_, err = server.NewEndWithConn(sc, harness.ServerOptions())
			require.Error(t, err)
			_, err = client.NewEndWithConn(cc, harness.ClientOptions())
			require.Error(t, err)
		},
	}
	for name, round := range rounds {
		t.Run(name, func(t *testing.T) {
			for range 50 {
				round(t)
			}
			settled(t, 0)
			before := heap()
			for range 334 {
				round(t)
			}
			settled(t, 0)
			// What pools and stopped timers hold for a collection or two is no
			// leak.
			harness.Eventually(t, func() error {
				if now := heap(); now >= before+4<<20 {
					return fmt.Errorf("the heap grows from %d to %d bytes", before, now)
				}
				return nil
			})
			harness.Eventually(t, func() error {
				if n := descriptors(); n > files+2 {
					return fmt.Errorf("%d files are open, %d were", n, files)
				}
				return nil
			})
		})
	}
}

func TestAClosedEndIsGarbageAtOnce(t *testing.T) {
	gone := func(t *testing.T) (c, s weak.Pointer[application.End]) {
		ce, se, err := harness.Connect(harness.TCP, nil, nil)
		require.NoError(t, err)
		require.NoError(t, use(ce, se))
		harness.CloseBoth(ce, se)
		return weak.Make(ce.(*application.End)), weak.Make(se.(*application.End))
	}
	c, s := gone(t)
	harness.Eventually(t, func() error {
		runtime.GC()
		if c.Value() != nil || s.Value() != nil {
			return errors.New("something, a timer maybe, still holds a closed End")
		}
		return nil
	})
}

func TestAnIdleConnectionSideIsOneGoroutineAndAnIdleStreamNone(t *testing.T) {
	settled(t, 0)
	const count = 100
	var ends [][2]geminio.End
	defer func() {
		for _, pair := range ends {
			harness.CloseBoth(pair[0], pair[1])
		}
	}()
	for range count {
		c, s, err := harness.Connect(harness.TCP, nil, nil)
		require.NoError(t, err)
		ends = append(ends, [2]geminio.End{c, s})
		for range 5 {
			_, err = c.OpenStream()
			require.NoError(t, err)
			_, err = s.AcceptStream()
			require.NoError(t, err)
		}
	}
	idle := func() {
		t.Helper()
		runtime.GC()
		runtime.GC()
		settled(t, 2*count)
	}
	idle()
	for _, pair := range ends {
		for range 3 {
			require.NoError(t, use(pair[0], pair[1]))
		}
	}
	idle()
}
