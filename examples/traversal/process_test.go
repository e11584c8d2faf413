// Package traversal tests the two programs beneath it as their users run them.
package traversal

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// buildFlags make the programs like this test.
var buildFlags []string

// bin is where the programs are.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "geminio-traversal-*")
	if err != nil {
		panic(err)
	}
	bin = dir
	args := append([]string{"build", "-ldflags=-s -w", "-o", dir + string(filepath.Separator)}, buildFlags...)
	if out, err := exec.Command("go", append(args, "./internet", "./intranet")...).CombinedOutput(); err != nil {
		panic(string(out))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// limit is how long anything may take that is waited for.
const limit = 20 * time.Second

// process is a program that runs.
type process struct {
	name string
	cmd  *exec.Cmd

	stdout, stderr *transcript

	ended chan struct{}
	code  int // of the exit, when ended is closed
}

// transcript is what a process has written so far.
type transcript struct {
	mu   sync.Mutex // guards what follows
	text string
	more chan struct{} // closed and replaced with each Write
}

func newTranscript() *transcript { return &transcript{more: make(chan struct{})} }

// Write adds to it.
func (o *transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text += string(p)
	close(o.more)
	o.more = make(chan struct{})
	return len(p), nil
}

// read returns the text, and what is closed when there is more.
func (o *transcript) read() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text, o.more
}

// String returns the text.
func (o *transcript) String() string {
	text, _ := o.read()
	return text
}

// lines returns the lines that are whole.
func lines(text string) []string {
	all := strings.Split(text, "\n")
	return all[:len(all)-1]
}

// command returns one of the programs, not started. Its token is "secret".
func command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(bin, program), args...)
	cmd.Env = append(os.Environ(), "TRAVERSAL_TOKEN=secret")
	return cmd
}

// start starts one of the programs, which ends with the test.
func start(t *testing.T, program string, args ...string) *process {
	t.Helper()
	p := &process{name: program, cmd: command(program, args...), stdout: newTranscript(), stderr: newTranscript(), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	require.NoError(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		assert.NotContains(t, p.stderr.String(), "DATA RACE")
		assert.NotContains(t, p.stderr.String(), "panic")
		if t.Failed() {
			t.Logf("%s said:\n%s", program, p.stderr.String())
		}
	})
	return p
}

// kill kills the process as kill -9 does, and returns when it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// says waits for the nth line, from 1, on standard output that begins with
// prefix, and returns what comes after it.
func (p *process) says(t *testing.T, prefix string, nth int) string {
	t.Helper()
	return p.waits(t, p.stdout, prefix, nth)
}

// logs waits for a line on standard error that has text in it, and returns
// what comes after it.
func (p *process) logs(t *testing.T, text string) string {
	t.Helper()
	return p.waits(t, p.stderr, text, 1)
}

func (p *process) waits(t *testing.T, from *transcript, part string, nth int) string {
	t.Helper()
	late := time.After(limit)
	for ended := false; ; {
		text, more := from.read()
		seen := 0
		for _, line := range lines(text) {
			before, rest, found := strings.Cut(line, part)
			if found && (before == "" || from == p.stderr) {
				if seen++; seen == nth {
					return rest
				}
			}
		}
		require.False(t, ended, "%s ended before it said %q: %s", p.name, part, p.stderr)
		select {
		case <-more:
		case <-p.ended:
			ended = true // all is written
		case <-late:
			require.FailNow(t, p.name+" did not say "+part)
		}
	}
}

// ends waits for the end of the process and returns its exit code.
func (p *process) ends(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		require.FailNow(t, p.name+" does not end")
	}
	return p.code
}

// terminate ends the process as a supervisor does.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		p.kill() // nobody can be asked there
		return
	}
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, 0, p.ends(t), p.stderr.String())
}

// file writes a file and returns its name.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// internet is a public side that runs.
type internet struct {
	*process
	agents, http string // addresses
}

// startInternet starts a public side on loopback that knows the agents office
// and home.
func startInternet(t *testing.T, args ...string) *internet {
	t.Helper()
	tokens := file(t, "# agents\noffice secret\n\nhome   secret\n")
	p := start(t, "internet", append([]string{"-addr", "127.0.0.1:0", "-bind", "127.0.0.1",
		"-http", "127.0.0.1:0", "-tokens", tokens}, args...)...)
	return &internet{p, p.says(t, "agents on ", 1), p.says(t, "http services on ", 1)}
}

// agent is an agent that runs.
type agent struct{ *process }

func startAgent(t *testing.T, server, name string, args ...string) *agent {
	t.Helper()
	return &agent{start(t, "intranet", append([]string{"-server", server, "-name", name}, args...)...)}
}

// at returns the public address of a service after the nth offer.
func (a *agent) at(t *testing.T, kind, service string, nth int) string {
	t.Helper()
	addr, _, _ := strings.Cut(a.says(t, kind+" "+service+" on ", nth), ",")
	return addr
}
