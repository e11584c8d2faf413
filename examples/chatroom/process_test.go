// Package chatroom tests the programs beneath it as people and scripts use
// them.
package chatroom

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// limit is how long anything may take.
const limit = 20 * time.Second

// programs is where server and client are.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "geminio-chatroom-*")
	if err != nil {
		panic(err)
	}
	programs = dir
	out, err := exec.Command("go", "build", raceFlag, "-ldflags=-s -w", "-o", dir+string(filepath.Separator), "./server", "./client").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		_ = os.RemoveAll(dir)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// environment is that of the programs. Those that look for races would wait a
// second before they end.
func environment() []string {
	return append(os.Environ(), "GORACE=atexit_sleep_ms=0", "CHATROOM_TOKEN=")
}

func program(name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(programs, name)
}

// output is what a process has written, or shows.
type output struct {
	mu      sync.Mutex
	text    string
	changed chan struct{} // closed when text changes
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) get() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text, o.changed
}

func (o *output) set(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if text != o.text {
		o.text = text
		close(o.changed)
		o.changed = make(chan struct{})
	}
}

// Write appends.
func (o *output) Write(p []byte) (int, error) {
	text, _ := o.get()
	o.set(text + string(p))
	return len(p), nil
}

// until waits until ok says so of the text.
func (o *output) until(t *testing.T, what string, ok func(text string) bool) string {
	t.Helper()
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		text, changed := o.get()
		if ok(text) {
			return text
		}
		select {
		case <-changed:
		case <-late.C:
			require.FailNow(t, "never: "+what, "%s", text)
		}
	}
}

// has waits until the text has all of parts.
func (o *output) has(t *testing.T, parts ...string) string {
	t.Helper()
	return o.until(t, strings.Join(parts, " | "), func(text string) bool {
		for _, part := range parts {
			if !strings.Contains(text, part) {
				return false
			}
		}
		return true
	})
}

// process is a program that runs. It is killed with the test.
type process struct {
	cmd            *exec.Cmd
	stdin          io.WriteCloser
	stdout, stderr *output
	ended          chan struct{} // closed when it has
}

func run(t *testing.T, name string, args ...string) *process {
	t.Helper()
	return start(t, program(name), args...)
}

// start starts anything.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), stdout: newOutput(), stderr: newOutput(), ended: make(chan struct{})}
	p.cmd.Env = environment()
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	var err error
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			out, _ := p.stdout.get()
			errs, _ := p.stderr.get()
			t.Logf("%s %s:\n%s%s", name, strings.Join(args, " "), out, errs)
		}
	})
	return p
}

// say gives the process a line.
func (p *process) say(t *testing.T, line string) {
	t.Helper()
	_, err := io.WriteString(p.stdin, line+"\n")
	require.NoError(t, err)
}

// exit waits until the process has ended, with that code.
func (p *process) exit(t *testing.T, code int) {
	t.Helper()
	select {
	case <-p.ended:
		require.Equal(t, code, p.cmd.ProcessState.ExitCode())
	case <-time.After(limit):
		require.FailNow(t, "it does not end")
	}
}

// interrupt ends it as Ctrl-C does.
func (p *process) interrupt(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		p.kill(t)
		return
	}
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	p.exit(t, 0)
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Kill())
	<-p.ended
}

// serve runs a server on a free port, and returns its address.
func serve(t *testing.T, args ...string) (*process, string) {
	t.Helper()
	p := run(t, "server", append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	return p, address(t, p)
}

// address returns the address that a server listens on.
func address(t *testing.T, p *process) string {
	t.Helper()
	text := p.stdout.has(t, "\n")
	line, _ := bufio.NewReader(strings.NewReader(text)).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	require.True(t, ok, line)
	return addr
}

// join runs a client without a screen, and returns when it is in its room.
func join(t *testing.T, addr, nick string, args ...string) *process {
	t.Helper()
	p := run(t, "client", append([]string{"-addr", addr, "-nick", nick}, args...)...)
	p.stdout.has(t, "* connected", "* you are in #")
	return p
}
