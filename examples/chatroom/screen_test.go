package chatroom

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clock is what the screen says of the time of day.
var clock = regexp.MustCompile(`\d\d:\d\d `)

func TestTheScreenShowsTheRoom(t *testing.T) {
	t.Parallel()
	_, addr := serve(t)
	bob := join(t, addr, "bob")
	alice := sit(t, addr, "alice")
	alice.screen.has(t, "you are in #lobby")
	bob.say(t, "hello, alice")
	alice.screen.has(t, "bob: hello, alice")
	alice.keys(t, "hello, bob\r")
	bob.stdout.has(t, "alice: hello, bob\n")
	screen := alice.screen.until(t, "what was said is sent", func(s string) bool {
		return strings.Contains(s, "alice: hello, bob") && !strings.Contains(s, "unsent") && row(s, -1) == "> say something, or /help"
	})
	assert.Equal(t, strings.Join([]string{
		" #lobby · 2 here: alice, bob",
		"", "", "", "", "", "",
		"TIME * you are in #lobby",
		"TIME bob: hello, alice",
		"TIME alice: hello, bob",
		"● connected · alice",
		"> say something, or /help",
	}, "\n"), clock.ReplaceAllString(screen, "TIME "))
}

// Whatever is drawn, in however small pieces it is looked at, the line that is
// being typed shows what was typed, up to where it is drawn, and nothing else.
func TestTypingWhileMessagesArriveDoesNotTearTheLine(t *testing.T) {
	t.Parallel()
	_, addr := serve(t)
	bob := join(t, addr, "bob")
	alice := sit(t, addr, "alice")
	alice.screen.has(t, "you are in #lobby", "> ")

	const typed = "the quick brown fox jumps over the lazy dog"
	alice.keys(t, typed[:1])
	alice.screen.until(t, "the key is shown", func(s string) bool { return row(s, -1) == "> "+typed[:1] })
	var shown atomic.Int64 // keys that were on the screen already
	shown.Store(1)
	looks := 0
	var torn []string
	alice.watching(func(line string) {
		looks++
		if !strings.HasPrefix("> "+typed, line) || len(line) < len("> ")+int(shown.Load()) {
			torn = append(torn, line)
		}
	})
	for i, key := range typed {
		if i == 0 {
			continue
		}
		for j := range 5 {
			bob.say(t, fmt.Sprintf("message %d-%d, which is long enough to be wrapped by a terminal of sixty columns", i, j))
		}
		alice.keys(t, string(key))
		alice.screen.until(t, "the key is shown", func(s string) bool { return row(s, -1) == strings.TrimRight("> "+typed[:i+1], " ") })
		shown.Store(int64(len(strings.TrimRight(typed[:i+1], " "))))
	}
	last := fmt.Sprintf("message %d-4", len(typed)-1)
	screen := alice.screen.until(t, last, func(s string) bool { return strings.Contains(s, last) })
	alice.watching(nil)
	assert.Empty(t, torn)
	assert.Greater(t, looks, 1000, "the screen was not watched")

	lines := strings.Split(screen, "\n")
	require.Len(t, lines, rows)
	assert.Equal(t, " #lobby · 2 here: alice, bob", lines[0])
	assert.Equal(t, "● connected · alice", lines[rows-2])
	assert.Equal(t, "> "+typed, lines[rows-1])
	want := "TIME bob: message 42-%d, which is long enough to be wrapped\nby a terminal of sixty columns\n"
	var body strings.Builder
	for j := range 5 {
		fmt.Fprintf(&body, want, j)
	}
	whole := strings.Split(strings.TrimSuffix(body.String(), "\n"), "\n")
	assert.Equal(t, whole[len(whole)-(rows-3):], strings.Split(clock.ReplaceAllString(strings.Join(lines[1:rows-2], "\n"), "TIME "), "\n"))

	alice.keys(t, "\r")
	bob.stdout.has(t, "alice: "+typed+"\n")
}

func TestRoomsOnTheScreen(t *testing.T) {
	t.Parallel()
	_, addr := serve(t)
	bob := join(t, addr, "bob", "-room", "lobby,dev")
	alice := sit(t, addr, "alice")
	alice.screen.has(t, "you are in #lobby")
	alice.keys(t, "/join #Dev\rtyped ahead\r")
	alice.screen.has(t, "#dev · 2 here: alice, bob", "you are in #dev", "alice: typed ahead")
	bob.stdout.has(t, "#dev", "alice: typed ahead\n")
	bob.say(t, "/join lobby")
	bob.say(t, "in the lobby")
	alice.screen.has(t, "#dev", "#lobby 1 new")
	alice.keys(t, "\t")
	alice.screen.has(t, "#lobby · 2 here", "bob: in the lobby")
	alice.keys(t, "/join no way\r")
	alice.screen.has(t, "#lobby · 2 here", `room "no way": letters`)
	alice.keys(t, "/leave\r")
	alice.screen.has(t, "#dev · 2 here", "you left #lobby")
	bob.stdout.has(t, "#lobby", "alice left")
	alice.keys(t, "/nick BOB\r")
	alice.screen.has(t, `nickname "BOB" is taken`)
	alice.keys(t, "/nick ally\r")
	alice.screen.has(t, "alice is now ally", "connected · ally", "2 here: ally, bob")
	bob.interrupt(t)
	alice.screen.has(t, "bob left", "1 here: ally")
}

func TestTheScreenFollowsItsSizeAndScrolls(t *testing.T) {
	t.Parallel()
	_, addr := serve(t)
	bob := join(t, addr, "bob")
	for i := range 30 {
		bob.say(t, fmt.Sprintf("line %d.", i))
	}
	bob.stdout.has(t, "line 29.")
	alice := sit(t, addr, "alice")
	alice.screen.has(t, "line 29.", "you are in")
	alice.keys(t, "\x1b[5~") // page up
	screen := alice.screen.has(t, "line 20.", "lines below")
	assert.NotContains(t, screen, "line 29.")
	bob.say(t, "one more")
	alice.screen.has(t, "line 20.", "10 lines below")
	alice.keys(t, "\x1b[6~\x1b[6~") // page down
	alice.screen.has(t, "bob: one more")
	alice.resize(t, 40, 20)
	alice.screen.until(t, "more lines", func(s string) bool {
		return strings.Contains(s, "line 20.") && strings.Contains(s, "one more") && strings.HasPrefix(row(s, -2), "● connected")
	})
}

// However narrow it is, nothing breaks, and it is all there again afterwards.
func TestASmallTerminal(t *testing.T) {
	t.Parallel()
	_, addr := serve(t)
	bob := join(t, addr, "bob")
	alice := sit(t, addr, "alice")
	alice.screen.has(t, "you are in #lobby")
	const text = "grüß 👩‍👧 你好 and some more words"
	bob.say(t, text)
	alice.screen.has(t, "bob: grüß")
	for i, size := range [][2]int{{20, 5}, {7, 4}, {3, 3}, {2, 2}, {1, 1}} {
		alice.resize(t, size[0], size[1])
		bob.say(t, text)
		line := fmt.Sprintf("line %d", i)
		alice.keys(t, line+"\r")
		bob.stdout.has(t, "alice: "+line+"\n")
		screen, _ := alice.screen.get()
		for _, row := range strings.Split(screen, "\n") {
			assert.LessOrEqual(t, ansi.StringWidth(row), columns)
		}
	}
	alice.resize(t, columns, rows)
	alice.screen.until(t, "all is there", func(s string) bool {
		return row(s, 0) == " #lobby · 2 here: alice, bob" && strings.Contains(s, "alice: line 4") &&
			row(s, -2) == "● connected · alice" && row(s, -1) == "> say something, or /help"
	})
}

// However it ends, the terminal is as it was.
func TestTheClientEndsInOrder(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no signals here")
	}
	_, addr := serve(t)
	bob := join(t, addr, "bob")
	for name, end := range map[string]func(*testing.T, *terminal){
		"ctrl-c": func(t *testing.T, term *terminal) { term.keys(t, "\x03") },
		"quit": func(t *testing.T, term *terminal) {
			term.keys(t, "goodbye from a person\r/quit\r")
			bob.stdout.has(t, "quit: goodbye from a person\n")
		},
		"SIGINT":  func(t *testing.T, term *terminal) { require.NoError(t, term.cmd.Process.Signal(os.Interrupt)) },
		"SIGHUP":  func(t *testing.T, term *terminal) { require.NoError(t, term.cmd.Process.Signal(syscall.SIGHUP)) },
		"SIGTERM": func(t *testing.T, term *terminal) { require.NoError(t, term.cmd.Process.Signal(syscall.SIGTERM)) },
	} {
		t.Run(name, func(t *testing.T) {
			nick := strings.ReplaceAll(name, "-", "_")
			alice := sit(t, addr, nick)
			alice.screen.has(t, "you are in #lobby", "> say")
			require.True(t, alice.vt.IsAltScreen())
			end(t, alice)
			alice.exit(t, 0)
			bob.stdout.has(t, nick+" left")
			alice.screen.until(t, "the screen is given back", func(string) bool { return !alice.vt.IsAltScreen() })
		})
	}
}
