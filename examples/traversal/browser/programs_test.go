package browser

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// program is one of the tunnel's programs that runs.
type program struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string // what it prints; closed when it has ended
}

// build builds the tunnel's programs and returns where they are.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", dir+string(filepath.Separator),
		"./examples/traversal/internet", "./examples/traversal/intranet")
	cmd.Dir = filepath.Join("..", "..", "..")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return dir
}

// start starts a program, which ends with the test.
func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(name, args...), lines: make(chan string, 100)}
	p.cmd.Env = append(os.Environ(), "TRAVERSAL_TOKEN=secret")
	var stderr bytes.Buffer
	p.cmd.Stderr = &stderr
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.lines)
		for in := bufio.NewScanner(stdout); in.Scan(); {
			p.lines <- in.Text()
		}
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(name), stderr.String())
		}
	})
	return p
}

// kill kills the program and returns when it is gone.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	for range p.lines {
	}
}

// says waits for a line for each of the prefixes, in any order, and returns
// what comes after them.
func (p *program) says(prefixes ...string) []string {
	p.t.Helper()
	rests, missing := make([]string, len(prefixes)), len(prefixes)
	late := time.After(patience)
	for missing > 0 {
		select {
		case line, ok := <-p.lines:
			require.True(p.t, ok, "it ended")
			for i, prefix := range prefixes {
				if rest, found := strings.CutPrefix(line, prefix); found {
					rests[i] = rest
					missing--
				}
			}
		case <-late:
			require.FailNow(p.t, "it does not say all of", "%q", prefixes)
		}
	}
	return rests
}

func TestThePageOfATunnelThatRuns(t *testing.T) {
	needBrowser(t)
	dir := build(t)
	b := newTab(t)
	const size = 3 << 20
	local := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, size))
	}))
	defer local.Close()
	tokens := filepath.Join(dir, "tokens")
	require.NoError(t, os.WriteFile(tokens, []byte("office secret\n"), 0o600))

	public := start(t, filepath.Join(dir, "internet"), "-addr", "127.0.0.1:0", "-bind", "127.0.0.1",
		"-http", "127.0.0.1:0", "-status", "127.0.0.1:0", "-tokens", tokens)
	said := public.says("agents on ", "status page on ")
	b.run(chromedp.Navigate(said[1]))
	b.becomes(`document.getElementById("none").checkVisibility()`)

	// An agent comes, with two services, one of them a page too.
	to := ",to=" + strings.TrimPrefix(local.URL, "http://")
	agent := start(t, filepath.Join(dir, "intranet"), "-server", said[0], "-name", "office", "-tcp", "raw"+to, "-http", "web"+to)
	offered := agent.says("tcp raw on ", "http web on ")
	raw, _, _ := strings.Cut(offered[0], ",")
	b.shows("h2", "office")
	b.shows("[data-f=state]", "connected")
	b.shows("tbody [data-f=name]", "raw", "web")
	assert.Equal(t, raw, b.text("[data-f=public]")[0])

	// A user downloads, and stays.
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", raw)
	}}
	defer transport.CloseIdleConnections()
	rsp, err := (&http.Client{Transport: transport, Timeout: patience}).Get("http://" + raw)
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, rsp.Body)
	require.NoError(t, err)
	require.NoError(t, rsp.Body.Close())
	require.EqualValues(t, size, n)
	b.shows("tbody [data-f=active]", "1", "0")
	b.shows("tbody [data-f=total]", "1", "0")
	b.shows("tbody [data-f=out]", "3.00 MiB", "0 B")
	b.picture("programs")

	agent.kill()
	b.shows("[data-f=state]", "lost")
	public.kill()
	b.shows("#state", "not reachable")
	b.picture("programs-gone")
}
