// Package traversal tests the two programs beneath it as their users run them.
package traversal

import (
	"bufio"
	"bytes"
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
	args := append([]string{"build", "-o", dir + string(filepath.Separator)}, buildFlags...)
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

	mu     sync.Mutex // guards what follows
	lines  []string
	told   chan struct{} // closed and replaced with each line
	stderr bytes.Buffer  // may be read when ended is closed

	ended chan struct{}
	code  int // of the exit, when ended is closed
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
	p := &process{name: program, cmd: command(program, args...), told: make(chan struct{}), ended: make(chan struct{})}
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, lines.Text())
			close(p.told)
			p.told = make(chan struct{})
			p.mu.Unlock()
		}
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

// says waits for the nth line, from 1, that begins with prefix, and returns
// what comes after it.
func (p *process) says(t *testing.T, prefix string, nth int) string {
	t.Helper()
	late := time.After(limit)
	for {
		p.mu.Lock()
		seen, told := 0, p.told
		for _, line := range p.lines {
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				if seen++; seen == nth {
					p.mu.Unlock()
					return rest
				}
			}
		}
		p.mu.Unlock()
		select {
		case <-told:
		case <-p.ended:
			require.FailNow(t, p.name+" ended", p.stderr.String())
		case <-late:
			require.FailNow(t, p.name+" did not say "+prefix)
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
