package chatroom

import (
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// The size of the terminals here.
const (
	columns = 60
	rows    = 12
)

// terminal is a client on a terminal, which a person looks at and types into.
type terminal struct {
	cmd    *exec.Cmd
	pty    *os.File
	screen *output       // its rows, without spaces at their ends
	ended  chan struct{} // closed when the client has
	vt     *vt.SafeEmulator

	mu    sync.Mutex
	watch func(line string) // see watching
}

func sit(t *testing.T, addr, nick string, args ...string) *terminal {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no pseudo terminals here")
	}
	term := &terminal{
		cmd:    exec.Command(program("client"), append([]string{"-addr", addr, "-nick", nick}, args...)...),
		screen: newOutput(),
		ended:  make(chan struct{}),
		vt:     vt.NewSafeEmulator(columns, rows),
	}
	term.cmd.Env = append(environment(), "TERM=xterm-256color")
	var err error
	term.pty, err = pty.StartWithSize(term.cmd, &pty.Winsize{Cols: columns, Rows: rows})
	require.NoError(t, err)

	var reading sync.WaitGroup
	reading.Add(2)
	go func() { // what the terminal answers when it is asked
		defer reading.Done()
		_, _ = io.Copy(term.pty, term.vt)
	}()
	go func() {
		defer reading.Done()
		buf := make([]byte, 1024)
		for {
			n, err := term.pty.Read(buf)
			if n > 0 {
				term.draw(buf[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	go func() {
		_ = term.cmd.Wait()
		close(term.ended)
	}()
	t.Cleanup(func() {
		_ = term.cmd.Process.Kill()
		<-term.ended
		_ = term.pty.Close()
		_ = term.vt.InputPipe().(io.Closer).Close() // its Close races with Read
		reading.Wait()
		if t.Failed() {
			text, _ := term.screen.get()
			t.Logf("the screen of %s:\n%s", nick, text)
		}
	})
	return term
}

// line returns a line of what is on the screen.
func (term *terminal) line(y int) string {
	var line strings.Builder
	for x := 0; x < term.vt.Width(); {
		cell := term.vt.CellAt(x, y)
		if cell == nil || cell.Width == 0 {
			x++
			continue
		}
		line.WriteString(cell.Content)
		x += cell.Width
	}
	return strings.TrimRight(line.String(), " ")
}

// draw takes what the client wrote, in small pieces.
func (term *terminal) draw(p []byte) {
	term.mu.Lock()
	watch := term.watch
	term.mu.Unlock()
	if watch == nil {
		_, _ = term.vt.Write(p)
	} else {
		for piece := range slices.Chunk(p, 8) {
			_, _ = term.vt.Write(piece)
			watch(term.line(term.vt.Height() - 1))
		}
	}
	var lines []string
	for y := range term.vt.Height() {
		lines = append(lines, term.line(y))
	}
	term.screen.set(strings.Join(lines, "\n"))
}

// watching has watch called with the last line for whatever is drawn, however
// little.
func (term *terminal) watching(watch func(line string)) {
	term.mu.Lock()
	defer term.mu.Unlock()
	term.watch = watch
}

// keys presses keys.
func (term *terminal) keys(t *testing.T, keys string) {
	t.Helper()
	_, err := io.WriteString(term.pty, keys)
	require.NoError(t, err)
}

// resize gives the terminal another size.
func (term *terminal) resize(t *testing.T, columns, rows int) {
	t.Helper()
	term.vt.Resize(columns, rows)
	require.NoError(t, pty.Setsize(term.pty, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)}))
}

// exit waits until the client has ended, with that code.
func (term *terminal) exit(t *testing.T, code int) {
	t.Helper()
	select {
	case <-term.ended:
		require.Equal(t, code, term.cmd.ProcessState.ExitCode())
	case <-time.After(limit):
		require.FailNow(t, "it does not end")
	}
}

// row returns a row of a screen, the last one for -1.
func row(screen string, y int) string {
	lines := strings.Split(screen, "\n")
	return lines[(y+len(lines))%len(lines)]
}
