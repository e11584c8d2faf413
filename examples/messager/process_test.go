package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// limit is how long anything may take that a test waits for.
const limit = 30 * time.Second

// messager is the program, built once.
var messager string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "geminio-messager-*")
	if err != nil {
		panic(err)
	}
	messager = filepath.Join(dir, "messager.exe")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", messager, ".").CombinedOutput(); err != nil {
		panic(string(out))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// process is a messager that runs.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  chan string   // what it prints
	read   chan struct{} // closed when all that it prints was read
	stderr *buffer
}

// start starts a messager, which is killed with the test.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(messager, args...), lines: make(chan string, 1<<18), read: make(chan struct{}), stderr: new(buffer)}
	p.cmd.Stderr = p.stderr
	var err error
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.read)
		defer close(p.lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("messager %v: %s", args, p.stderr)
		}
	})
	return p
}

// types types a line.
func (p *process) types(line string) {
	p.t.Helper()
	_, err := io.WriteString(p.stdin, line+"\n")
	require.NoError(p.t, err)
}

// prints returns what matches the groups of pattern in the next line.
func (p *process) prints(pattern string) []string {
	p.t.Helper()
	select {
	case line := <-p.lines:
		match := regexp.MustCompile("^" + pattern + "$").FindStringSubmatch(line)
		require.NotNil(p.t, match, "%q instead of %q", line, pattern)
		return match[1:]
	case <-time.After(limit):
		require.FailNow(p.t, "no line", "wanted %q; stderr: %s", pattern, p.stderr)
		return nil
	}
}

// quiet tells that nothing more was printed by the process, which has ended.
func (p *process) quiet() {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		require.False(p.t, ok, "%q", line)
	case <-time.After(limit):
		require.FailNow(p.t, "its output has not ended")
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

// matchesOne tells whether line is one of patterns.
func matchesOne(line string, patterns []string) bool {
	for _, pattern := range patterns {
		if regexp.MustCompile("^" + pattern + "$").MatchString(line) {
			return true
		}
	}
	return false
}
