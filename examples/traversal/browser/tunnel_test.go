package browser

import (
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/examples/traversal/internal/status"
)

// tunnel is what the page is about: figures that a test changes, and a server
// that it stops and starts at one address.
type tunnel struct {
	t    *testing.T
	addr string

	mu     sync.Mutex
	now    status.Snapshot
	server *http.Server
}

// aTunnel has two agents, the second one lost, and serves their page.
func aTunnel(t *testing.T) *tunnel {
	t.Helper()
	// Between two hours, so that no test sees one pass.
	now := time.Now().Add(-30 * time.Minute)
	tun := &tunnel{t: t, addr: "127.0.0.1:0", now: status.Snapshot{Started: now.Add(-26 * time.Hour), Agents: []status.Agent{
		{Name: "office", Remote: "192.0.2.7:41234", Since: now.Add(-3 * 24 * time.Hour), Connected: true, Services: []status.Service{
			{Name: "ssh", Kind: "tcp", Public: "203.0.113.1:2222", Active: 1, Total: 7, BytesIn: 1152, BytesOut: 99 << 10},
			{Name: "wiki", Kind: "http", Public: "http://wiki.office.example.com", Active: 2, Total: 40, BytesIn: 1536, BytesOut: 256 << 20},
		}},
		{Name: "attic", Remote: "198.51.100.9:5000", Since: now.Add(-25 * time.Hour), Services: []status.Service{
			{Name: "camera", Kind: "http", Public: "http://camera.attic.example.com", Total: 3, BytesIn: 812, BytesOut: 7_654_321},
		}},
	}}}
	tun.start()
	t.Cleanup(tun.stop)
	return tun
}

func (tun *tunnel) url() string { return "http://" + tun.addr + "/" }

func (tun *tunnel) start() {
	tun.t.Helper()
	ln, err := net.Listen("tcp", tun.addr)
	require.NoError(tun.t, err)
	tun.addr = ln.Addr().String()
	server := &http.Server{Handler: status.Handler(tun.snapshot), ReadHeaderTimeout: limit}
	tun.server = server
	go func() { _ = server.Serve(ln) }()
}

func (tun *tunnel) stop() { _ = tun.server.Close() }

// snapshot copies the figures, as a program that counts would.
func (tun *tunnel) snapshot() status.Snapshot {
	tun.mu.Lock()
	defer tun.mu.Unlock()
	s := tun.now
	s.Agents = append([]status.Agent{}, s.Agents...)
	for i := range s.Agents {
		s.Agents[i].Services = append([]status.Service{}, s.Agents[i].Services...)
	}
	return s
}

// change changes the figures.
func (tun *tunnel) change(change func(*status.Snapshot)) {
	tun.mu.Lock()
	defer tun.mu.Unlock()
	change(&tun.now)
}
