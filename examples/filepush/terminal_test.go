//go:build linux || darwin

package filepush

import (
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// screen is what a program has written to its terminal.
type screen struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

func TestATerminalHasABar(t *testing.T) {
	t.Parallel()
	name, data := randomFile(t, 4*mib)
	_, addr := startServer(t, name)
	p, dir := startProxy(t, addr), t.TempDir()
	p.passUpTo(9 * mib / 4)

	cmd := exec.Command(program("client"), "-addr", p.addr(), "-dir", dir)
	cmd.Env = environment("TERM=xterm")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 100})
	require.NoError(t, err)
	out, ended := &screen{}, make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf) // fails when the client has ended
			_, _ = out.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		tty.Close()
		if t.Failed() {
			t.Logf("%q", tail(out.String()))
		}
	})

	shows := func(text ...string) {
		t.Helper()
		require.Eventually(t, func() bool {
			for _, s := range text {
				if !strings.Contains(out.String(), s) {
					return false
				}
			}
			return true
		}, limit, tick, text)
	}
	shows("data.bin 5", "=>", " / 4.2 MB", "MB/s") // half of it, and a bar
	p.cut()
	shows("connection lost, dialing again\r\ndata.bin 5") // above the bar
	p.passAll()
	<-ended
	require.NoError(t, cmd.Wait())
	assert.Contains(t, out.String(), "data.bin: whole, SHA-256 verified, 4.2 MB in ")
	assert.Contains(t, out.String(), "connection is back")
	requireOnly(t, dir, data)
}
