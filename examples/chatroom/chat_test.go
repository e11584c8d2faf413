package chatroom

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPeopleTalkInRooms(t *testing.T) {
	t.Parallel()
	_, addr := serve(t)
	alice := join(t, addr, "alice")
	bob := join(t, addr, "bob")
	alice.stdout.has(t, "#lobby", "* bob joined")
	alice.say(t, "hello")
	bob.say(t, "//hello, with a \x1b[2J slash")
	for _, p := range []*process{alice, bob} {
		p.stdout.has(t, "alice: hello\n", "bob: /hello, with a  [2J slash\n")
	}
	bob.say(t, "/join dev")
	bob.stdout.has(t, "you are in #dev")
	bob.say(t, "nobody else is here")
	bob.say(t, "/rooms")
	bob.stdout.has(t, "* rooms: #dev (1), #lobby (2)\n")
	alice.say(t, "/who")
	alice.stdout.has(t, "* here: alice, bob\n")
	alice.say(t, "/nick ally")
	bob.stdout.has(t, "#lobby", "* alice is now ally\n")
	bob.say(t, "  /leave")
	bob.stdout.has(t, "* you left #dev\n")
	bob.say(t, "back in the lobby")
	alice.stdout.has(t, "bob: back in the lobby\n")
	text, _ := alice.stdout.get()
	assert.NotContains(t, text, "nobody else", "she is not in that room")

	bob.say(t, "/quit")
	bob.exit(t, 0)
	alice.stdout.has(t, "* bob left\n")
	require.NoError(t, alice.stdin.Close())
	alice.exit(t, 0)
}

func TestNewcomersSeeWhatWasSaid(t *testing.T) {
	t.Parallel()
	_, addr := serve(t, "-keep", "3")
	alice := join(t, addr, "alice", "-stay")
	for i := range 5 {
		alice.say(t, fmt.Sprintf("message %d", i))
	}
	require.NoError(t, alice.stdin.Close())
	alice.stdout.has(t, "message 4")
	bob := join(t, addr, "bob")
	text, _ := bob.stdout.get()
	assert.Equal(t, "* connected\n#lobby alice: message 2\n#lobby alice: message 3\n#lobby alice: message 4\n#lobby * you are in #lobby\n",
		clock.ReplaceAllString(text, ""))
	alice.interrupt(t)
	bob.stdout.has(t, "* alice left")
}

func TestAScriptSaysItsLinesAndEnds(t *testing.T) {
	t.Parallel()
	_, addr := serve(t)
	alice := join(t, addr, "alice")
	bot := run(t, "client", "-addr", addr, "-nick", "bot")
	var want strings.Builder
	for i := range 200 {
		fmt.Fprintf(&want, "bot: %d\n", i)
		bot.say(t, fmt.Sprint(i))
	}
	require.NoError(t, bot.stdin.Close())
	bot.exit(t, 0)
	own, _ := bot.stdout.get()
	assert.NotContains(t, own, "reconnecting", "it closed the session itself")
	text := alice.stdout.has(t, "bot: 199\n", "bot left")
	said := regexp.MustCompile(`bot: \d+\n`).FindAllString(text, -1)
	assert.Equal(t, want.String(), strings.Join(said, ""))

	bad := run(t, "client", "-addr", addr, "-nick", "bot")
	bad.say(t, "/dance")
	bad.exit(t, 1)
	bad.stderr.has(t, "client: line 1: no command /dance; /help lists them\n")
	long := run(t, "client", "-addr", addr, "-nick", "bot")
	long.say(t, strings.Repeat("x", 3000))
	long.exit(t, 1)
	long.stderr.has(t, "client: line 1: too long: 3000 bytes")
}

func TestANicknameIsTakenOnce(t *testing.T) {
	t.Parallel()
	_, addr := serve(t)
	alice := join(t, addr, "alice", "-secret", "hers")
	second := run(t, "client", "-addr", addr, "-nick", "ALICE")
	second.exit(t, 1)
	second.stderr.has(t, `client: nickname "ALICE" is taken`)

	bob := join(t, addr, "bob")
	bob.say(t, "/nick Alice")
	bob.exit(t, 1)
	bob.stderr.has(t, `nickname "Alice" is taken`)

	// Who dies leaves the session, and the nickname, waiting; the secret
	// gets it back at once.
	alice.kill(t)
	again := join(t, addr, "alice", "-secret", "hers")
	again.say(t, "it is me")
	again.stdout.has(t, "alice: it is me")
	third := join(t, addr, "alice", "-secret", "hers")
	again.exit(t, 1)
	again.stderr.has(t, "another client with your secret has taken the nickname over")
	third.say(t, "/who")
	third.stdout.has(t, "* here: alice\n")
	third.interrupt(t)
	join(t, addr, "alice")
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"server", "client"} {
		help := run(t, name, "-h")
		help.exit(t, 0)
		help.stdout.has(t, "Usage: "+name+" [flags]\n", "-addr address", "-pprof address", "-token secret")
		run(t, name, "-nonsense").exit(t, 2)
		extra := run(t, name, "-addr", "127.0.0.1:0", "extra")
		extra.exit(t, 2)
		extra.stderr.has(t, `unexpected argument "extra"`)
	}
	for args, what := range map[string]string{
		"server -keep -1":          "-keep",
		"server -cert x":           "-cert and -key go together",
		"client -nick a!b":         "-nick",
		"client -nick a -room x,,": "-room",
		"client -nick a -room /":   "-room",
	} {
		fields := strings.Fields(args)
		p := run(t, fields[0], fields[1:]...)
		p.exit(t, 2)
		p.stderr.has(t, fields[0]+": "+what)
	}
	nobody := run(t, "client", "-addr", "127.0.0.1:1", "-nick", "alice")
	nobody.exit(t, 1)
	nobody.stderr.has(t, "client: connect to 127.0.0.1:1: ")

	server, addr := serve(t, "-pprof", "127.0.0.1:0")
	url := regexp.MustCompile(`http://\S+`).FindString(server.stderr.has(t, "profiles on http://", "pprof/\n"))
	rsp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
	require.NoError(t, err)
	body, _ := io.ReadAll(rsp.Body)
	rsp.Body.Close()
	assert.Contains(t, string(body), "goroutine")
	taken := run(t, "server", "-addr", addr)
	taken.exit(t, 1)
	taken.stderr.has(t, "server: listen tcp")
	server.interrupt(t)
}
