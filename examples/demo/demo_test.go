package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// asDemo in the environment makes the test binary be the demo: so the demo
// can start itself again here too.
const asDemo = "GEMINIO_TEST_AS_DEMO"

func TestMain(m *testing.M) {
	if os.Getenv(asDemo) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// limit is how long one run of the demo may take.
const limit = 60 * time.Second

// command returns the demo as a process that ends with the test.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asDemo+"=1", "FILE=")
	return cmd
}

// someFile returns a file of so many bytes.
func someFile(t *testing.T, size int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, bytes.Repeat([]byte("geminio\n"), size/8), 0o600))
	return name
}

func TestTheDemoCarriesEverythingAndPrintsItsTable(t *testing.T) {
	var stderr bytes.Buffer
	cmd := command(t, "-file", someFile(t, 1<<20), "-d", "30ms")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	assert.Empty(t, stderr.String())
	_, table, found := strings.Cut(string(out), "\n\n")
	require.True(t, found, string(out))
	for _, row := range []string{
		`what +direction +rate +p50 +p99`,
		`file of 1.05 MB, SHA-256 equal +server -> client +[0-9.]+ [kMG]?B/s`,
		`calls, one after another +client -> server +\d+/s +[0-9.]+ us +[0-9.]+ us`,
		`calls, 64 callers +client -> server +\d+/s +[0-9.]+ us +[0-9.]+ us`,
		`calls, one after another +server -> client +\d+/s +[0-9.]+ us +[0-9.]+ us`,
		`calls, 64 callers +server -> client +\d+/s +[0-9.]+ us +[0-9.]+ us`,
		`messages, one after another +client -> server +\d+/s +[0-9.]+ us +[0-9.]+ us`,
		`messages, 256 in flight +client -> server +\d+/s`,
		`HTTP, a page of [0-9.]+ kB +server -> client +\d+/s +[0-9.]+ us +[0-9.]+ us`,
	} {
		assert.Regexp(t, `(?m)^`+row, table)
	}
	assert.Regexp(t, `(?m)^the file once more, 10 cuts, nothing lost: SHA-256 [0-9a-f]{64}\n\z`, table)
	assert.NotContains(t, string(out), "\x1b", "no terminal, no drawing")
}

func TestAFileOfAnySizeIsCutTenTimes(t *testing.T) {
	sizes := []int{0, 8}
	if os.Getenv("GEMINIO_SOAK") != "" {
		sizes = append(sizes, 512<<20)
	}
	for _, size := range sizes {
		out, err := command(t, "-file", someFile(t, size), "-d", "1ms").Output()
		require.NoError(t, err)
		assert.Contains(t, string(out), ", 10 cuts, nothing lost: SHA-256 ")
	}
}

func TestTheDemoFailsClearlyWithoutItsFile(t *testing.T) {
	var stderr bytes.Buffer
	cmd := command(t, "-file", filepath.Join(t.TempDir(), "missing"))
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Regexp(t, `^demo: .*missing: .+\n$`, stderr.String())
}

func TestAnInterruptedDemoFailsAndLeavesNoProcessBehind(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no interrupt for a single process there")
	}
	cmd := command(t, "-file", someFile(t, 1<<10), "-d", "1h")
	// Both processes write to this pipe: it ends when both have ended.
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())

	out := make([]byte, 0, 4096)
	for !bytes.Contains(out, []byte("file ")) {
		n, err := r.Read(out[len(out):cap(out)])
		require.NoError(t, err, string(out))
		out = out[:len(out)+n]
	}
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(string(rest), "demo: interrupted\n"), string(rest))

	err = cmd.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
}

func TestTheServerEndsWithTheProcessThatStartedIt(t *testing.T) {
	cmd := command(t, "-serve")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = stdout.Read(make([]byte, 1)) // it listens, nobody comes
	require.NoError(t, err)
	require.NoError(t, stdin.Close())
	_, err = io.Copy(io.Discard, stdout)
	require.NoError(t, err)
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	assert.Equal(t, 1, exit.ExitCode(), "it ended, nobody killed it")
}
