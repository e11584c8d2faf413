//go:build unix

package docs

import (
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A terminal runs commands as if they were typed into it, and shows what they
// print. After one that is left running it waits, as a person does, until
// there is something to be seen. What is left running ends with the terminal.
type terminal struct {
	t       *testing.T
	shell   *exec.Cmd
	exited  chan error    // what the shell exited with
	drained chan struct{} // closed when nothing can print any more
	changed chan struct{} // has an element when something was printed

	mu     sync.Mutex
	screen strings.Builder // mu guards it
	seen   int             // how much of screen the last hold has seen; mu guards it
}

// glance is how long a person looks at a screen that shows nothing.
const glance = 5 * time.Second

// environment returns that of commands, under which python prints at once.
func environment() []string {
	return append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off", "PYTHONUNBUFFERED=1")
}

// leaves is a command that is left running.
var leaves = regexp.MustCompile(`(?m)&[ \t]*(#.*)?$`)

// open runs commands in dir. It returns at once.
func open(t *testing.T, dir, commands string) *terminal {
	t.Helper()
	term := &terminal{t: t, exited: make(chan error, 1), drained: make(chan struct{}), changed: make(chan struct{}, 1)}
	printed, printer, err := os.Pipe()
	require.NoError(t, err)
	asked, asker, err := os.Pipe()
	require.NoError(t, err)
	goes, goer, err := os.Pipe()
	require.NoError(t, err)
	const hold = "$0\necho >&3; read -r _ <&4"
	term.shell = exec.Command("sh", "-e", "-c", leaves.ReplaceAllString(commands, hold))
	term.shell.Dir = dir
	term.shell.Env = environment()
	// A pipe of our own: Wait would wait for what the shell leaves behind.
	term.shell.Stdout, term.shell.Stderr = printer, printer
	term.shell.ExtraFiles = []*os.File{asker, goes}
	term.shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = term.shell.Start()
	for _, theirs := range []*os.File{printer, asker, goes} {
		theirs.Close()
	}
	require.NoError(t, err)
	go func() {
		defer close(term.drained)
		_, _ = io.Copy(term, printed)
		printed.Close()
	}()
	held := make(chan struct{})
	go func() {
		defer close(held)
		defer goer.Close()
		defer asked.Close()
		for ask := make([]byte, 1); ; {
			if _, err := asked.Read(ask); err != nil {
				return // the shell has ended
			}
			term.look()
			if _, err := goer.Write(ask); err != nil {
				return
			}
		}
	}()
	go func() { term.exited <- term.shell.Wait() }()
	t.Cleanup(func() {
		term.close()
		<-held
	})
	return term
}

// look returns when the screen shows more than it did the last time, or has
// shown nothing for a while.
func (term *terminal) look() {
	for late := time.After(glance); ; {
		term.mu.Lock()
		shown := term.screen.Len()
		more := shown > term.seen
		if more {
			term.seen = shown
		}
		term.mu.Unlock()
		if more {
			return
		}
		select {
		case <-time.After(seldom):
		case <-term.drained:
			return
		case <-late:
			return
		}
	}
}

// Write shows what was printed.
func (term *terminal) Write(p []byte) (int, error) {
	term.mu.Lock()
	defer term.mu.Unlock()
	term.screen.Write(p)
	select {
	case term.changed <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (term *terminal) shown() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.screen.String()
}

// close ends what still runs, in order if it can.
func (term *terminal) close() {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		// The group is empty, and the call fails, if everything has ended.
		_ = syscall.Kill(-term.shell.Process.Pid, signal)
		select {
		case <-term.drained:
			return
		case <-time.After(10 * time.Second):
			term.t.Errorf("%v did not end it:\n%s", signal, term.shown())
		}
	}
}
