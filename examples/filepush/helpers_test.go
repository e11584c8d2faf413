// Package filepush tests the two programs beneath it as their users run them.
package filepush

import (
	"bufio"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

const (
	mib  = 1 << 20
	tick = 10 * time.Millisecond
)

// limit is for everything that is waited for.
var limit = time.Minute

var (
	buildFlags []string
	bin        string // where the programs are
)

func TestMain(m *testing.M) {
	if soak() {
		limit = 10 * time.Minute
	}
	var err error
	if bin, err = os.MkdirTemp("", "filepush-*"); err != nil {
		panic(err)
	}
	args := append([]string{"build", "-ldflags=-s -w", "-o", bin + string(filepath.Separator)}, buildFlags...)
	if out, err := exec.Command("go", append(args, "./server", "./client")...).CombinedOutput(); err != nil {
		panic(string(out))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(bin)
		os.Exit(code)
	}))
}

func program(name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(bin, name)
}

// environment is that of the programs. Those that look for races would wait a
// second before they end.
func environment(more ...string) []string {
	return append(os.Environ(), append(more, "GORACE=atexit_sleep_ms=0", "FILEPUSH_TOKEN=")...)
}

func soak() bool { return os.Getenv("GEMINIO_SOAK") != "" }

// process is a program that runs. It is killed with the test.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	ended chan struct{}

	mu     sync.Mutex // guards what follows
	stdout []string
	stderr []string
}

func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Env = environment()
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	var read sync.WaitGroup
	read.Add(2)
	go p.collect(stdout, &p.stdout, &read)
	go p.collect(stderr, &p.stderr, &read)
	go func() {
		read.Wait()
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s\n%s\n%s", p.cmd, strings.Join(p.stdout, "\n"), strings.Join(p.stderr, "\n"))
		}
		for _, line := range p.stderr {
			if strings.Contains(line, "DATA RACE") {
				t.Errorf("%s: data race", p.cmd)
			}
		}
	})
	return p
}

func (p *process) collect(r io.Reader, lines *[]string, read *sync.WaitGroup) {
	defer read.Done()
	for s := bufio.NewScanner(r); s.Scan(); {
		p.mu.Lock()
		*lines = append(*lines, s.Text())
		p.mu.Unlock()
	}
}

// lines returns what was printed on standard output that has the text.
func (p *process) lines(text string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []string
	for _, line := range p.stdout {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// waitFor waits until so many lines with the text were printed.
func (p *process) waitFor(text string, n int) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return len(p.lines(text)) >= n }, limit, tick, text)
}

// errors returns what was printed on standard error.
func (p *process) errors() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.stderr, "\n")
}

// wait waits for the end, and returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		require.Fail(p.t, "does not end", p.cmd.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

// kill ends the program as kill -9 does.
func (p *process) kill() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Kill())
	p.wait()
}

// begun returns the bytes at which the client began, push after push.
func (p *process) begun() []int {
	var all []int
	for _, line := range p.lines(", from byte ") {
		n, err := strconv.Atoi(regexp.MustCompile(`\d+$`).FindString(line))
		require.NoError(p.t, err, line)
		all = append(all, n)
	}
	return all
}

// startServer starts a server on a free port, and returns its address.
func startServer(t *testing.T, args ...string) (*process, string) {
	t.Helper()
	p := start(t, program("server"), append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	p.waitFor("listening on ", 1)
	return p, strings.TrimPrefix(p.lines("listening on ")[0], "listening on ")
}

func startClient(t *testing.T, addr, dir string, args ...string) *process {
	t.Helper()
	return start(t, program("client"), append([]string{"-addr", addr, "-dir", dir}, args...)...)
}

// randomFile makes a file and returns its name and what is in it.
func randomFile(t *testing.T, size int) (string, []byte) {
	t.Helper()
	data := random(size)
	name := filepath.Join(t.TempDir(), "data.bin")
	require.NoError(t, os.WriteFile(name, data, 0o644))
	return name, data
}

func random(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(rand.Uint32()), byte(rand.Uint32())}).Read(data)
	return data
}

// part is where the client keeps what it has of data.bin.
func part(dir string) string { return filepath.Join(dir, ".data.bin.part") }

// waitForPart waits until the client has so many bytes on its disk.
func waitForPart(t *testing.T, dir string, size int) {
	t.Helper()
	require.Eventually(t, func() bool {
		info, err := os.Stat(part(dir))
		return err == nil && info.Size() >= int64(size)
	}, limit, tick, "part does not grow")
}

// requireReceived checks that the client has ended well, with the file and
// nothing else in its directory.
func requireReceived(t *testing.T, c *process, dir string, want []byte) {
	t.Helper()
	require.Equal(t, 0, c.wait(), c.errors())
	requireOnly(t, dir, want)
}

func requireOnly(t *testing.T, dir string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, "data.bin"))
	require.NoError(t, err)
	require.True(t, string(got) == string(want), "file differs")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}
