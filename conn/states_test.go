package conn

import (
	"flag"
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// update makes TestStates write its golden files anew.
var update = flag.Bool("update", false, "write testdata/states.txt, docs/states.md and docs/states.svg from the table")

// TestStates compares the whole machine with what is written down about it:
// the golden text, and the page and the drawing that people look at.
func TestStates(t *testing.T) {
	golden(t, filepath.Join("testdata", "states.txt"), matrix())
	golden(t, filepath.Join("..", "docs", "states.md"), page(t))
	golden(t, filepath.Join("..", "docs", "states.svg"), drawing(t))
}

func golden(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run go test ./conn -run TestStates -update, and read the difference")
}

// matrix is every state and every event, legal or not.
func matrix() string {
	var b strings.Builder
	for s := range stateCount {
		fmt.Fprintf(&b, "%v\n", s)
		for e := range eventCount {
			next, effects, ok := s.step(e)
			switch {
			case !ok:
				fmt.Fprintf(&b, "\t%-16v illegal\n", e)
			case effects == 0:
				fmt.Fprintf(&b, "\t%-16v -> %v\n", e, next)
			default:
				fmt.Fprintf(&b, "\t%-16v -> %v: %v\n", e, next, effects)
			}
		}
	}
	return b.String()
}

// page is docs/states.md.
func page(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# The life of a connection\n\n" +
		"Written by `go test ./conn -run TestStates -update` from the table in `conn/state.go`, as the drawing is; not to be edited.\n\n" +
		"![The states of a connection, and what leads from one to another](states.svg)\n\n" +
		"Both sides of a connection run the same machine. CLOSE says that its sender has said everything; CLOSED that its sender has\n" +
		"dealt with the other's CLOSE. An event that is not listed cannot happen in that state; where the peer causes it, it is a protocol\n" +
		"error and the connection is lost.\n\n" +
		"| effect | what the connection does |\n|---|---|\n")
	texts := comments(t)
	for _, n := range effectNames {
		fmt.Fprintf(&b, "| %s | %s |\n", n.name, texts[effectIdents[n.bit]])
	}
	b.WriteString("\n| event | what happened |\n|---|---|\n")
	for e := range eventCount {
		fmt.Fprintf(&b, "| %v | %s |\n", e, texts[eventIdents[e]])
	}
	for s := range stateCount {
		name := s.String()
		fmt.Fprintf(&b, "\n## %s%s\n\n%s\n\n", strings.ToUpper(name[:1]), name[1:], texts[stateIdents[s]])
		b.WriteString("| event | next state | effects |\n|---|---|---|\n")
		for e := range eventCount {
			if next, effects, ok := s.step(e); ok {
				fmt.Fprintf(&b, "| %v | %v | %v |\n", e, next, effects)
			}
		}
	}
	return b.String()
}

var (
	stateIdents = [stateCount]string{"handshaking", "open", "closingByUs", "closingByThem", "closingByBoth",
		"detached", "detachedByUs", "detachedByThem", "detachedByBoth", "closed"}
	eventIdents = [eventCount]string{"established", "closeAsked", "closeReceived", "closedGot", "farewellSaid", "cut", "resumed", "lost"}

	effectIdents = map[effect]string{
		sendClose: "sendClose", sendClosed: "sendClosed", notifyClose: "notifyClose", finish: "finish", abort: "abort",
	}
)

// comments returns what state.go says of its constants, each as a sentence on
// one line.
func comments(t *testing.T) map[string]string {
	file, err := goparser.ParseFile(token.NewFileSet(), "state.go", nil, goparser.ParseComments)
	require.NoError(t, err)
	texts := make(map[string]string)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		name := spec.Names[0].Name
		text := strings.Join(strings.Fields(spec.Doc.Text()+spec.Comment.Text()), " ")
		text = strings.TrimPrefix(text, name+": ")
		if text != "" {
			text = strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
		}
		texts[name] = text
		return true
	})
	for _, names := range [][]string{stateIdents[:], eventIdents[:]} {
		for _, name := range names {
			require.NotEmpty(t, texts[name], "%s has no comment", name)
		}
	}
	return texts
}

// A closing is two machines with what is on its way between them.
type closing struct {
	state    [2]state
	way      [2]string // to each side: 'C' CLOSE, 'D' CLOSED
	asked    [2]bool
	told     [2]bool // notified, and has not said its farewell
	finished [2]int
}

// TestEveryOrderOfACloseEndsInClosed tries all interleavings of a close asked
// by either side or both, the frames on their way, and farewells that take
// their time.
func TestEveryOrderOfACloseEndsInClosed(t *testing.T) {
	seen := make(map[closing]bool)
	var ends int
	var explore func(c closing)
	step := func(c closing, side int, e event) closing {
		next, effects, ok := c.state[side].step(e)
		require.True(t, ok, "%v in %v: %+v", e, c.state[side], c)
		c.state[side] = next
		if effects&sendClose != 0 {
			c.way[1-side] += "C"
		}
		if effects&sendClosed != 0 {
			c.way[1-side] += "D"
		}
		if effects&notifyClose != 0 {
			require.False(t, c.told[side])
			c.told[side] = true
		}
		if effects&finish != 0 {
			c.finished[side]++
		}
		require.Zero(t, effects&abort)
		return c
	}
	explore = func(c closing) {
		if seen[c] {
			return
		}
		seen[c] = true
		stuck := true
		for side := range 2 {
			if !c.asked[side] {
				n := c
				n.asked[side] = true
				explore(step(n, side, closeAsked))
			}
			if c.told[side] {
				n := c
				n.told[side] = false
				explore(step(n, side, farewellSaid))
				stuck = false
			}
			if way := c.way[side]; way != "" {
				n := c
				n.way[side] = way[1:]
				e := closeReceived
				if way[0] == 'D' {
					e = closedGot
				}
				explore(step(n, side, e))
				stuck = false
			}
			lostHere, effects, ok := c.state[side].step(lost)
			require.True(t, ok)
			require.Equal(t, closed, lostHere)
			require.Equal(t, c.state[side] != closed, effects == abort)
		}
		if stuck && c.asked != [2]bool{} {
			require.Equal(t, [2]state{closed, closed}, c.state, "%+v", c)
			require.Equal(t, [2]int{1, 1}, c.finished, "%+v", c)
			ends++
		}
	}
	explore(closing{state: [2]state{open, open}})
	require.NotZero(t, ends)
	t.Logf("%d situations, %d ends", len(seen), ends)
}
