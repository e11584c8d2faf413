package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/examples/mq/internal/proto"
)

// asMQ in the environment makes the test binary be the program.
const asMQ = "GEMINIO_TEST_AS_MQ"

func TestMain(m *testing.M) {
	if os.Getenv(asMQ) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for anything.
func patience() time.Duration {
	if soak() {
		return 4 * time.Minute
	}
	return time.Minute
}

func soak() bool { return os.Getenv("GEMINIO_SOAK") != "" }

// process is a running mq.
type process struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{} // closed when it has ended, and all that it printed was read

	mu      sync.Mutex // guards what follows
	lines   []string
	changed chan struct{}
	stderr  bytes.Buffer
}

// environment makes the test binary be mq. Under the race detector a process
// would wait a second before it exits, for reports that it may have to make.
func environment() []string {
	return append(os.Environ(), asMQ+"=1", "GORACE=atexit_sleep_ms=0")
}

// start starts mq with args; it ends with the test.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startWith(t, nil, args...)
}

// startWith does so with more in the environment.
func startWith(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: strings.Join(args, " "), ended: make(chan struct{}), changed: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0], args...)
	p.cmd.Env = append(environment(), env...)
	p.cmd.Stderr = (*stderr)(p)
	var err error
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		scanner := bufio.NewScanner(stdout)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			p.mu.Lock()
			p.lines = append(p.lines, scanner.Text())
			close(p.changed)
			p.changed = make(chan struct{})
			p.mu.Unlock()
		}
		_ = p.cmd.Wait() // the exit code is in ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		p.stdin.Close()
		if t.Failed() {
			t.Logf("mq %s: stderr:\n%s", p.name, p.errors())
		}
	})
	return p
}

// stderr is the process as the writer of its standard error.
type stderr process

func (w *stderr) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stderr.Write(p)
}

func (p *process) errors() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// printed returns the lines printed so far.
func (p *process) printed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clip(p.lines)
}

// wait waits until the lines printed satisfy ok, and returns them.
func (p *process) wait(what string, ok func(lines []string) bool) []string {
	p.t.Helper()
	timeout := time.After(patience())
	for {
		p.mu.Lock()
		lines, changed := slices.Clip(p.lines), p.changed
		p.mu.Unlock()
		if ok(lines) {
			return lines
		}
		select {
		case <-changed:
		case <-p.ended:
			if lines := p.printed(); ok(lines) {
				return lines
			}
			p.t.Fatalf("mq %s ended without %s", p.name, what)
		case <-timeout:
			p.t.Fatalf("mq %s: no %s, but %d lines", p.name, what, len(lines))
		}
	}
}

// waitLines waits for so many lines.
func (p *process) waitLines(n int) []string {
	p.t.Helper()
	return p.wait(fmt.Sprintf("%d lines", n), func(lines []string) bool { return len(lines) >= n })
}

// exit waits until the process has ended, and returns its exit code.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience()):
		p.t.Fatalf("mq %s does not end", p.name)
		return -1
	}
}

func (p *process) signal(sig os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(sig))
}

// kill is kill -9.
func (p *process) kill() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Kill())
	p.exit()
}

// startBroker starts a broker and returns its address as well.
func startBroker(t *testing.T, args ...string) (*process, string) {
	t.Helper()
	p := start(t, append([]string{"broker", "-addr", "127.0.0.1:0"}, args...)...)
	return p, listening(p)
}

func listening(p *process) string {
	p.t.Helper()
	addr, ok := strings.CutPrefix(p.waitLines(1)[0], "listening on ")
	require.True(p.t, ok)
	return addr
}

func newFile(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "mq.db")
}

// publish has a producer publish messages, and waits for it.
func publish(t *testing.T, addr, topic string, messages ...string) {
	t.Helper()
	p := start(t, "producer", "-addr", addr, "-topic", topic)
	_, err := io.WriteString(p.stdin, strings.Join(messages, "\n")+"\n")
	require.NoError(t, err)
	require.NoError(t, p.stdin.Close())
	require.Zero(t, p.exit(), p.errors())
}

func startConsumer(t *testing.T, addr, topic, group string, args ...string) *process {
	t.Helper()
	return start(t, append([]string{"consumer", "-addr", addr, "-topic", topic, "-group", group}, args...)...)
}

// statusOf returns a topic as mq status says.
func statusOf(t *testing.T, addr, topic string) proto.Topic {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience())
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "status", "-addr", addr, "-json")
	cmd.Env = environment()
	out, err := cmd.Output()
	require.NoError(t, err)
	return find(t, out, topic)
}

// waitStatus asks the broker for the status, as mq status does, until it
// satisfies ok.
func waitStatus(t *testing.T, addr, topic string, ok func(proto.Topic) bool) proto.Topic {
	t.Helper()
	end, err := client.NewEnd("tcp", addr)
	require.NoError(t, err)
	defer end.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience())
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		rsp, err := end.Call(ctx, proto.MethodStatus, end.NewRequest(nil))
		require.NoError(t, err)
		status := find(t, rsp.Data(), topic)
		if ok(status) {
			return status
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			require.Fail(t, "the status is another", "%+v", status)
		}
	}
}

// find returns one of the topics of a status, or an empty one.
func find(t *testing.T, status []byte, name string) proto.Topic {
	t.Helper()
	var topics []proto.Topic
	require.NoError(t, json.Unmarshal(status, &topics))
	for _, found := range topics {
		if found.Name == name {
			return found
		}
	}
	return proto.Topic{}
}

// members tells whether a topic has so many members in its groups.
func members(n int) func(proto.Topic) bool {
	return func(topic proto.Topic) bool {
		sum := 0
		for _, g := range topic.Groups {
			sum += g.Members
		}
		return sum == n
	}
}

// numbers returns so many messages, each another.
func numbers(n int) []string {
	messages := make([]string, n)
	for i := range messages {
		messages[i] = fmt.Sprintf("message-%d", i)
	}
	return messages
}

// datas returns the data of what consumers printed, and how many of these
// were marked.
func datas(lines []string) (data []string, marked int) {
	for _, line := range lines {
		head, body, _ := strings.Cut(line, ": ")
		data = append(data, body)
		if strings.HasSuffix(head, " redelivered") {
			marked++
		}
	}
	return data, marked
}
