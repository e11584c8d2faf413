// Package usage tests the examples beneath it as their readers run them.
package usage

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// programs is where the examples are built, each once.
var programs struct {
	dir   string
	mu    sync.Mutex // guards what follows
	built map[string]bool
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "geminio-usage-*")
	if err != nil {
		panic(err)
	}
	programs.dir, programs.built = dir, make(map[string]bool)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// limit is how long each program may take, building included.
const limit = 60 * time.Second

func TestEachPairDoesWhatItSays(t *testing.T) {
	certs := t.TempDir()
	pairs := map[string]struct {
		args   []string // of both, beside the address
		stdin  string   // of the client
		client []string // what the client prints
		server []string // what the server prints after its address, for each client
	}{
		"message": {
			client: []string{"acknowledged: hello"},
			server: []string{"received: hello"},
		},
		"rpc": {
			client: []string{"answered: hello"},
			server: []string{"asked: hello"},
		},
		"brpc": {
			client: []string{"asked: hello from the server", "answered: hello from the client"},
			server: []string{"asked: hello from the client", "answered: hello from the server"},
		},
		"multiplexer": {
			client: []string{"hello from the first stream", "hello from the second stream"},
		},
		"raw": {
			stdin:  "hello\nworld\n",
			client: []string{"hello", "world"},
			server: []string{"echoed 12 bytes"},
		},
		"retry": {
			client: []string{"online", "answered: before the cut", "suspended", "answered: after the cut", "resumed"},
			server: []string{"asked: before the cut", "asked: after the cut"},
		},
		"tls": {
			args:   []string{"-certs", certs},
			client: []string{"answered: hello from alice"},
			server: []string{"alice comes in", "asked: hello from alice"},
		},
	}
	for name, want := range pairs {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			if name == "tls" {
				output(t, ctx, "", build(t, ctx, name, "certs"), "-certs", certs)
			}
			srv := start(t, ctx, build(t, ctx, name, "server"), want.args...)
			cli := build(t, ctx, name, "client")

			// Twice: the server serves one client after the other.
			for range 2 {
				// The two calls of brpc are made at the same time.
				assert.ElementsMatch(t, want.client, lines(output(t, ctx, want.stdin, cli, append(want.args, "-addr", srv.addr)...)))
			}
			assert.ElementsMatch(t, append(want.server, want.server...), srv.interrupt(t))
		})
	}
}

func TestAClientWithoutServerSaysSoAndFails(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for _, name := range []string{"message", "rpc", "brpc", "multiplexer", "raw", "retry"} {
		stderr := failure(t, ctx, build(t, ctx, name, "client"), "-addr", "127.0.0.1:1")
		assert.Contains(t, stderr, name+" client: ")
	}
}

func TestTheTLSServerKnowsWhoComes(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	ours, others := t.TempDir(), t.TempDir()
	for _, dir := range []string{ours, others} {
		output(t, ctx, "", build(t, ctx, "tls", "certs"), "-certs", dir)
	}
	for _, name := range []string{"", "ca", "alice,../mallory"} {
		assert.Contains(t, failure(t, ctx, build(t, ctx, "tls", "certs"), "-certs", t.TempDir(), "-clients", name), "is no name for a client")
	}
	cli := build(t, ctx, "tls", "client")
	assert.Contains(t, failure(t, ctx, cli, "-certs", ours, "-addr", "127.0.0.1:1"), "tls client: dial tcp")

	srv := start(t, ctx, build(t, ctx, "tls", "server"), "-certs", ours)
	assert.Equal(t, "tls client: mallory may not come in\n",
		failure(t, ctx, cli, "-certs", ours, "-name", "mallory", "-addr", srv.addr))
	assert.Contains(t, failure(t, ctx, cli, "-certs", others, "-addr", srv.addr), "certificate signed by unknown authority")

	// One that knows the server, and has a certificate of another authority.
	for _, file := range []string{"alice.pem", "alice-key.pem"} {
		require.NoError(t, os.Rename(filepath.Join(others, file), filepath.Join(ours, file)))
	}
	failure(t, ctx, cli, "-certs", ours, "-addr", srv.addr)
	assert.Empty(t, srv.interrupt(t), "nobody came in")
}

// failure runs a program that must fail, and returns what it says of it.
func failure(t *testing.T, ctx context.Context, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
	return stderr.String()
}

// build builds an example, if that has not been done, and returns the program.
func build(t *testing.T, ctx context.Context, pair, side string) string {
	t.Helper()
	programs.mu.Lock()
	defer programs.mu.Unlock()
	name := filepath.Join(programs.dir, pair+"-"+side)
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if !programs.built[name] {
		out, err := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", name, "./"+pair+"/"+side).CombinedOutput()
		require.NoError(t, err, string(out))
		programs.built[name] = true
	}
	return name
}

// output runs a program, which reads stdin, and returns what it prints.
func output(t *testing.T, ctx context.Context, stdin, name string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	require.NoError(t, cmd.Run(), stderr.String())
	return stdout.String()
}

// running is a server that runs.
type running struct {
	addr string
	cmd  *exec.Cmd
	rest chan string // what it prints after its first line
}

// start starts a server on a free port. It is killed with the test.
func start(t *testing.T, ctx context.Context, name string, args ...string) *running {
	t.Helper()
	cmd := exec.CommandContext(ctx, name, append(args, "-addr", "127.0.0.1:0")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		if t.Failed() {
			t.Logf("%s: %s", name, stderr.String())
		}
	})

	r := bufio.NewReader(stdout)
	first, err := r.ReadString('\n')
	require.NoError(t, err)
	addr, ok := strings.CutPrefix(strings.TrimSpace(first), "listening on ")
	require.True(t, ok, first)
	s := &running{addr: addr, cmd: cmd, rest: make(chan string, 1)}
	go func() {
		rest, _ := io.ReadAll(r)
		s.rest <- string(rest)
	}()
	return s
}

// interrupt ends the server as Ctrl-C does, and returns the lines that it
// printed after its address.
func (s *running) interrupt(t *testing.T) []string {
	t.Helper()
	if runtime.GOOS == "windows" {
		require.NoError(t, s.cmd.Process.Kill())
		rest := <-s.rest
		_ = s.cmd.Wait()
		return lines(rest)
	}
	require.NoError(t, s.cmd.Process.Signal(os.Interrupt))
	rest := <-s.rest
	require.NoError(t, s.cmd.Wait())
	return lines(rest)
}

func lines(s string) []string {
	s = strings.TrimSuffix(s, "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}
