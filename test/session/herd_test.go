package session

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/harness"
)

// A site is a TCP server that may be away, with whoever was connected cut off.
type site struct {
	opts *server.EndOptions
	dies bool // its Ends end with it

	mu      sync.Mutex
	address string
	conns   []net.Conn
	l       server.Listener
	serving sync.WaitGroup
	served  atomic.Int64
}

// open has the site served, at a new address.
func (s *site) open(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l, err := server.NewListener(&tracked{ln, s}, s.opts)
	require.NoError(t, err)
	s.mu.Lock()
	s.address, s.l = ln.Addr().String(), l
	s.mu.Unlock()
	s.serving.Add(1)
	go func() {
		defer s.serving.Done()
		var ends []geminio.End
		for {
			end, err := l.AcceptEnd()
			if err != nil {
				break
			}
			s.served.Add(1)
			ends = append(ends, end)
		}
		for _, end := range ends {
			s.serving.Add(1)
			go func() {
				defer s.serving.Done()
				if s.dies {
					end.Close()
				}
				_, _ = end.Receive(context.Background()) // io.EOF, when it is over
			}()
		}
	}()
}

// shut ends the server and resets all its connections.
func (s *site) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.l.Close()
	for _, c := range s.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	s.conns = nil
}

func (s *site) dial() (net.Conn, error) {
	s.mu.Lock()
	address := s.address
	s.mu.Unlock()
	return net.Dial("tcp", address)
}

// A tracked listener has its connections known to the site.
type tracked struct {
	net.Listener
	site *site
}

func (l *tracked) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.site.mu.Lock()
		l.site.conns = append(l.site.conns, c)
		l.site.mu.Unlock()
	}
	return c, err
}

// TestAHerdComesBack loses 200 clients at once and has the server away for two
// seconds. That they do not come at the same moment is what package backoff
// proves; here it is shown.
func TestAHerdComesBack(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		sessions *server.Sessions // that outlive the listener; nil: nothing does
		online   int              // sessions of each client
	}{
		"to the same process": {server.NewSessions(), 1},
		"to a new process":    {nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const clients, away = 200, 2 * time.Second
			s := &site{opts: harness.ServerOptions(), dies: row.sessions == nil}
			s.opts.SetSessions(row.sessions)
			s.opts.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "echo", RPC: harness.EchoRPC})
			s.open(t)
			defer s.serving.Wait()
			defer s.shut()

			ends := make([]geminio.End, clients)
			watches := make([]*watcher, clients)
			for i := range ends {
				watches[i] = &watcher{}
				opts := harness.ClientOptions()
				opts.SetDelegate(watches[i])
				end, err := client.NewRetryEndWithDialer(s.dial, opts)
				require.NoError(t, err)
				defer end.Close()
				ends[i] = end
			}
			for _, end := range ends {
				require.NoError(t, echo(end, "before"))
			}
			require.EqualValues(t, clients, s.served.Load())

			s.shut()
			<-time.After(away)
			s.open(t)
			up := time.Now()
			back := make([]time.Duration, clients)
			var all sync.WaitGroup
			for i, end := range ends {
				all.Add(1)
				go func() {
					defer all.Done()
					if err := echo(end, "after"); err != nil {
						t.Errorf("client %d: %v", i, err)
					}
					back[i] = time.Since(up)
				}()
			}
			harness.Within(t, 30*time.Second, "coming back", all.Wait)
			slices.Sort(back)
			busiest := 0
			for i, j := 0, 0; j < clients; j++ {
				for back[j]-back[i] >= 100*time.Millisecond {
					i++
				}
				busiest = max(busiest, j-i+1)
			}
			round := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
			t.Logf("good calls after %v at the earliest, %v median, %v 99 %%, %v at the latest; at most %d of %d within 100 ms",
				round(back[0]), round(back[clients/2]), round(back[clients*99/100]), round(back[clients-1]), busiest, clients)
			for i, w := range watches {
				require.Len(t, w.Of("ConnOnline"), row.online, "client %d", i)
				require.Len(t, w.Of("ConnOffline"), row.online-1, "client %d", i)
			}
			harness.Eventually(t, func() error {
				if n := s.served.Load(); n != int64(row.online*clients) {
					return fmt.Errorf("%d sessions were accepted", n)
				}
				return nil
			})
		})
	}
}
