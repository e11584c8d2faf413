package program

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// run runs a command, and returns what it left.
func run(c Command, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = c.execute(c.Name, args, &out, &err)
	return code, out.String(), err.String()
}

func TestExitCodesAndMessages(t *testing.T) {
	var (
		size  int
		given []string
		fails error
	)
	c := Command{
		Name: "pour", About: "Pours water.", Args: "GLASS...",
		Flags: func(flags *flag.FlagSet) { flags.IntVar(&size, "size", 3, "`litres` of water") },
		Run: func(_ context.Context, args []string) error {
			given = args
			return fails
		},
	}
	code, stdout, stderr := run(c, "-size", "5", "a", "b")
	assert.Zero(t, code, stderr)
	assert.Equal(t, 5, size)
	assert.Equal(t, []string{"a", "b"}, given)
	assert.Empty(t, stdout+stderr)

	code, stdout, stderr = run(c, "-h")
	assert.Zero(t, code)
	assert.Empty(t, stderr)
	for _, part := range []string{"Usage: pour [flags] GLASS...\n\nPours water.\n\n", "-size litres\n", "(default 3)", "-log level\n", "-pprof address\n"} {
		assert.Contains(t, stdout, part)
	}

	fails = Usage("glass %q is broken", "b")
	code, _, stderr = run(c)
	assert.Equal(t, 2, code)
	assert.Equal(t, "pour: glass \"b\" is broken; pour -h lists the flags\n", stderr)
	fails = errors.New("no water")
	code, _, stderr = run(c)
	assert.Equal(t, 1, code)
	assert.Equal(t, "pour: no water\n", stderr)
	fails = errors.New("the server says:\n\x1b[2Jnothing")
	_, _, stderr = run(c)
	assert.Equal(t, "pour: the server says:  [2Jnothing\n", stderr)

	c.Args, given = "", nil
	for _, args := range [][]string{{"-depth", "1"}, {"-size", "much"}, {"-log", "loud"}, {"surplus"}} {
		code, stdout, stderr = run(c, args...)
		assert.Equal(t, 2, code, args)
		assert.Empty(t, stdout)
		assert.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
		assert.Contains(t, stderr, "pour -h lists the flags")
	}
	assert.Nil(t, given, "it does not run with wrong flags")
	code, _, stderr = run(c, "-pprof", "nowhere:1:2")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "pour: -pprof: listen tcp")
}

func TestTheFirstArgumentNamesTheCommand(t *testing.T) {
	ran := ""
	command := func(name string) Command {
		return Command{Name: name, About: "Does " + name + ".\nAnd more.", Run: func(context.Context, []string) error {
			ran = name
			return nil
		}}
	}
	commands := []Command{command("near"), command("far")}
	choose := func(args ...string) (int, string, string) {
		var out, err bytes.Buffer
		code := choose("relay", "A relay.", commands, args, &out, &err)
		return code, out.String(), err.String()
	}
	code, _, _ := choose("far")
	assert.Zero(t, code)
	assert.Equal(t, "far", ran)
	const list = "Usage: relay COMMAND [flags]\n\nA relay.\n\n  near  Does near.\n  far   Does far.\n\nrelay COMMAND -h lists the flags of a command.\n"
	for _, help := range []string{"-h", "--help", "help"} {
		code, stdout, stderr := choose(help)
		assert.Zero(t, code)
		assert.Equal(t, list, stdout)
		assert.Empty(t, stderr)
	}
	code, stdout, _ := choose("near", "-h")
	assert.Zero(t, code)
	assert.Contains(t, stdout, "Usage: relay near [flags]\n\nDoes near.\nAnd more.\n")
	code, stdout, stderr := choose()
	assert.Equal(t, 2, code)
	assert.Empty(t, stdout)
	assert.Equal(t, list, stderr)
	code, _, stderr = choose("sideways")
	assert.Equal(t, 2, code)
	assert.Equal(t, "relay: no command \"sideways\"; relay -h lists them\n", stderr)
	code, _, stderr = choose("near", "-x")
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "relay near: ")
}

func TestASignalEndsTheContext(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot signal itself there")
	}
	running := make(chan struct{})
	go func() {
		<-running
		self, err := os.FindProcess(os.Getpid())
		assert.NoError(t, err)
		assert.NoError(t, self.Signal(syscall.SIGTERM))
	}()
	code, _, stderr := run(Command{Name: "wait", Level: "error", Run: func(ctx context.Context, _ []string) error {
		close(running)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(10 * time.Second):
			return errors.New("no signal")
		}
	}})
	assert.Zero(t, code, stderr)
}

func TestProfilesAreServed(t *testing.T) {
	var stderr bytes.Buffer
	c := Command{Name: "serve", Level: "error", Run: func(context.Context, []string) error {
		url := regexp.MustCompile(`^profiles on (http://127\.0\.0\.1:\d+/debug/pprof/)\n$`).FindStringSubmatch(stderr.String())
		if url == nil {
			return errors.New("no address")
		}
		rsp, err := http.Get(url[1] + "goroutine?debug=1")
		if err != nil {
			return err
		}
		defer http.DefaultClient.CloseIdleConnections()
		defer rsp.Body.Close()
		if rsp.StatusCode != http.StatusOK {
			return errors.New(rsp.Status)
		}
		return nil
	}}
	code := c.execute("serve", []string{"-pprof", "127.0.0.1:0"}, &stderr, &stderr)
	require.Zero(t, code, stderr.String())
}
