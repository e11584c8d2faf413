package chatroom

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestACutConnectionIsNoticedAndNothingIsLost(t *testing.T) {
	t.Parallel()
	_, addr := serve(t)
	via := newProxy(t, addr)
	bob := join(t, addr, "bob")
	alice := sit(t, via.addr(), "alice")
	alice.screen.has(t, "you are in #lobby", "● connected")
	via.cut()
	alice.screen.has(t, "○ reconnecting")
	bob.stdout.has(t, "* alice is away")
	bob.say(t, "/who")
	bob.stdout.has(t, "* here: alice (away), bob\n")
	bob.say(t, "are you there?")
	alice.keys(t, "I am in a tunnel\r")
	alice.screen.has(t, "1 unsent")
	via.lead(addr)
	alice.screen.until(t, "she is back", func(s string) bool {
		return strings.Contains(s, "● connected") && strings.Contains(s, "bob: are you there?") &&
			strings.Contains(s, "alice: I am in a tunnel") && !strings.Contains(s, "unsent")
	})
	text := bob.stdout.has(t, "* alice is back", "alice: I am in a tunnel\n")
	assert.NotContains(t, text, "alice left")
}

func TestQuitWaitsForWhatIsUnsent(t *testing.T) {
	t.Parallel()
	_, addr := serve(t)
	via := newProxy(t, addr)
	bob := join(t, addr, "bob")
	alice := sit(t, via.addr(), "alice")
	alice.screen.has(t, "you are in #lobby", "● connected")
	via.cut()
	alice.screen.has(t, "○ reconnecting")
	alice.keys(t, "one more thing\r/quit\r")
	alice.screen.has(t, "2 unsent", "* ends when everything is sent")
	via.lead(addr)
	bob.stdout.has(t, "alice: one more thing\n", "* alice left\n")
	alice.exit(t, 0)
}

func TestClientsSurviveARestartOfTheServer(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*testing.T, *process){
		"interrupted": func(t *testing.T, p *process) { p.interrupt(t) },
		"killed":      func(t *testing.T, p *process) { p.kill(t) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			server, addr := serve(t)
			via := newProxy(t, addr)
			alice := sit(t, via.addr(), "alice", "-room", "dev,lobby")
			alice.screen.has(t, "you are in #lobby")
			bob := join(t, via.addr(), "bob")
			bob.say(t, "before")
			alice.screen.has(t, "bob: before", "2 here")

			end(t, server)
			via.cut()
			alice.screen.has(t, "○ reconnecting")
			bob.stdout.has(t, "* reconnecting\n")
			alice.keys(t, "meanwhile\r")
			bob.say(t, "so do I")
			alice.screen.has(t, "1 unsent")

			_, addr = serve(t)
			via.lead(addr)
			screen := alice.screen.until(t, "all is as it was", func(s string) bool {
				return strings.Contains(s, "● connected") && strings.Contains(s, "2 here: alice, bob") &&
					strings.Contains(s, "alice: meanwhile") && strings.Contains(s, "bob: so do I") && !strings.Contains(s, "unsent")
			})
			assert.Equal(t, 1, strings.Count(screen, "bob: before"), "what she had seen stays")
			text := bob.stdout.has(t, "alice: meanwhile\n", "bob: so do I\n")
			assert.Equal(t, 1, strings.Count(text, "alice: meanwhile\n"))
			bob.stdout.until(t, "connected again", func(s string) bool { return strings.Count(s, "* connected\n") == 2 })
			alice.keys(t, "/rooms\r")
			alice.screen.has(t, "rooms: #dev (1), #lobby (2)")
		})
	}
}

func TestWhoLostTheNicknameToSomebodyElseTakesAnother(t *testing.T) {
	t.Parallel()
	server, addr := serve(t)
	via := newProxy(t, addr)
	alice := sit(t, via.addr(), "alice")
	alice.screen.has(t, "you are in #lobby")
	bot := join(t, via.addr(), "bot")
	alice.screen.has(t, "bot joined")
	server.kill(t)
	via.cut()
	alice.screen.has(t, "○ reconnecting")
	alice.keys(t, "is this mine?\r")
	alice.screen.has(t, "1 unsent")
	_, addr = serve(t)
	other := join(t, addr, "alice")
	join(t, addr, "bot")
	via.lead(addr)
	alice.screen.has(t, "○ not known to the server", `nickname "alice" is taken`)
	alice.keys(t, "/nick ally\r")
	alice.screen.until(t, "she goes on", func(s string) bool {
		return strings.Contains(s, "● connected · ally") && strings.Contains(s, "ally: is this mine?") && !strings.Contains(s, "unsent")
	})
	other.stdout.has(t, "ally: is this mine?\n")
	bot.exit(t, 1) // a script cannot choose
	bot.stderr.has(t, `nickname "bot" is taken`)
}

func TestTheHistoryFileOutlivesTheServer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "history")
	server, addr := serve(t, "-history", file, "-keep", "2")
	alice := join(t, addr, "alice")
	for i := range 4 {
		alice.say(t, fmt.Sprintf("message %d", i))
	}
	alice.stdout.has(t, "message 3")
	server.kill(t)
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"id":"cut off`)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	server, addr = serve(t, "-history", file, "-keep", "2")
	server.stderr.has(t, "is no message: skipped")
	bob := join(t, addr, "bob")
	text, _ := bob.stdout.get()
	assert.Equal(t, []string{"message 2", "message 3"}, regexp.MustCompile(`message \d`).FindAllString(text, -1))
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(kept), "\n"), string(kept))
}

// What does not fit on the disk is refused, and in the way of nothing later.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "history")
	// The system refuses to let a file grow beyond 1 KiB.
	full := start(t, "sh", "-c", `trap "" XFSZ; ulimit -f 2; exec "$@"`, "sh", program("server"), "-addr", "127.0.0.1:0", "-history", file)
	addr := address(t, full)
	alice := join(t, addr, "alice", "-stay")
	alice.say(t, "this fits")
	alice.stdout.has(t, "alice: this fits\n")
	bob := join(t, addr, "bob")
	bob.say(t, strings.Repeat("this does not ", 100))
	bob.exit(t, 1)
	bob.stderr.has(t, "client: line 1: the server cannot keep messages now\n")
	full.stderr.has(t, "file too large")
	alice.say(t, "this fits too")
	text := alice.stdout.has(t, "alice: this fits too\n")
	assert.NotContains(t, text, "does not")
	full.kill(t)

	server, addr := serve(t, "-history", file)
	bob = join(t, addr, "bob")
	text, _ = bob.stdout.get()
	assert.Contains(t, text, "alice: this fits\n")
	assert.Contains(t, text, "alice: this fits too\n")
	complaints, _ := server.stderr.get()
	assert.NotContains(t, complaints, "skipped")
}

// Several clients talk while their connections are cut and the server is
// killed, which keeps a file: everybody sees everything once, in one order.
func TestNothingIsLostOrSeenTwice(t *testing.T) {
	t.Parallel()
	talkers, lines, cuts := 4, 60, 3
	if os.Getenv("GEMINIO_SOAK") != "" {
		talkers, lines, cuts = 10, 100, 20 // what a history holds
	}
	file := filepath.Join(t.TempDir(), "history")
	server, addr := serve(t, "-history", file, "-keep", "1000")
	via := newProxy(t, addr)
	var clients []*process
	for i := range talkers {
		clients = append(clients, join(t, via.addr(), fmt.Sprintf("talker%d", i)))
	}
	began := time.Now()
	for part := range cuts + 1 {
		for n := part * lines / (cuts + 1); n < (part+1)*lines/(cuts+1); n++ {
			for _, c := range clients {
				c.say(t, fmt.Sprintf("line %d.", n))
			}
		}
		if part == cuts {
			break
		}
		// Somebody else's part of what was said is still on its way.
		clients[0].stdout.has(t, fmt.Sprintf("talker0: line %d.", (part+1)*lines/(cuts+1)-1))
		via.cut()
		if part%2 == 0 {
			server.kill(t)
			server, addr = serve(t, "-history", file, "-keep", "1000")
		}
		via.lead(addr)
	}
	spoken := regexp.MustCompile(`talker\d+: line \d+\.`)
	var first []string
	for i, c := range clients {
		c.stdout.until(t, "everything", func(s string) bool { return len(spoken.FindAllString(s, -1)) >= talkers*lines })
		require.NoError(t, c.stdin.Close())
		c.exit(t, 0)
		text, _ := c.stdout.get()
		got := spoken.FindAllString(text, -1)
		if i == 0 {
			first = got
			seen := make(map[string]bool)
			for _, line := range got {
				assert.False(t, seen[line], "%s twice", line)
				seen[line] = true
			}
			assert.Len(t, seen, talkers*lines)
			continue
		}
		assert.Equal(t, first, got, "another order")
	}
	t.Logf("%d clients, %d messages to each, %d cuts, %d kills of the server in %v",
		talkers, talkers*lines, cuts, (cuts+1)/2, time.Since(began).Round(time.Millisecond))
}
