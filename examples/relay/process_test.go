package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// limit is how long anything may take that a test waits for.
const limit = 30 * time.Second

// binary is the relay, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "geminio-relay-*")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "relay.exe")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, ".").CombinedOutput(); err != nil {
		panic(string(out))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// process is a relay that runs.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	lines  chan string   // what it prints
	read   chan struct{} // closed when all that it prints was read
	stderr *buffer
}

// start starts a relay, which is killed with the test.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, args...), lines: make(chan string, 10_000), read: make(chan struct{}), stderr: new(buffer)}
	p.cmd.Stderr = p.stderr
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.read)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("relay %v: %s", args, p.stderr)
		}
	})
	return p
}

// line returns what follows prefix in the next line.
func (p *process) line(prefix string) string {
	p.t.Helper()
	select {
	case line := <-p.lines:
		rest, ok := strings.CutPrefix(line, prefix)
		require.True(p.t, ok, "%q instead of %q", line, prefix)
		return rest
	case <-time.After(limit):
		require.FailNow(p.t, "no line", "wanted %q; stderr: %s", prefix, p.stderr)
		return ""
	}
}

func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		<-p.read
		_ = p.cmd.Wait()
	}
}

// terminate ends the process with SIGTERM, which it must obey.
func (p *process) terminate() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.exits(0)
}

// exits waits for the process to end with a code.
func (p *process) exits(code int) {
	p.t.Helper()
	late := time.AfterFunc(limit, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	<-p.read // Wait would cut it off
	_ = p.cmd.Wait()
	require.Equal(p.t, code, p.cmd.ProcessState.ExitCode(), p.stderr.String())
}

// buffer is a bytes.Buffer that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
