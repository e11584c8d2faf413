//go:build unix

package docs

import (
	"io/fs"
	"net"
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

// patience is how long one block may take, what it needs being compiled, and
// seldom how often screens are looked at that show nothing new.
const (
	patience = 3 * time.Minute
	seldom   = 50 * time.Millisecond
)

// TestCommandsDoWhatThePagesSay types the marked commands of a page as they
// stand there, in a copy of the repository; only /tmp is another directory.
// It is for make pages: the commands take fixed ports, and minutes.
func TestCommandsDoWhatThePagesSay(t *testing.T) {
	if os.Getenv("GEMINIO_PAGES") == "" {
		t.Skip("GEMINIO_PAGES is not set")
	}
	tmp, tree := t.TempDir(), clone(t)
	compiled := make(map[string]bool)
	for _, name := range tried {
		for _, b := range read(t, name).blocks {
			if b.mark != "run" || b.lang != "sh" {
				continue
			}
			t.Run(title(b), func(t *testing.T) {
				needs(t, b)
				dir := directory(tree, b)
				if !compiled[dir] {
					compile(t, dir, "list", "-export", "-f", "{{.Name}}", programs(dir)) // but link nothing
					compiled[dir] = true
				}
				b.code = strings.ReplaceAll(b.code, "/tmp", tmp)
				follow(t, dir, b)
			})
		}
	}
}

// TestProgramsOfThePagesRun runs the programs and the tests of the pages.
func TestProgramsOfThePagesRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	ran := 0
	for _, name := range pages(t) {
		for _, b := range read(t, name).blocks {
			if b.mark != "run" || b.lang != "go" {
				continue
			}
			t.Run(title(b), func(t *testing.T) {
				dir := t.TempDir()
				file, command := filepath.Join(dir, "main.go"), "go run "
				if strings.Contains(b.code, "\nimport \"testing\"\n") || strings.Contains(b.code, "\n\t\"testing\"\n") {
					file, command = filepath.Join(dir, "yours_test.go"), "go test "
				}
				require.NoError(t, os.WriteFile(file, []byte(b.code), 0o600))
				compile(t, root, "vet", file)
				b.code = command + file + "\n"
				follow(t, root, b)
			})
			ran++
		}
	}
	require.Positive(t, ran)
}

// follow types the commands of a block into terminals and looks for what they
// are said to print.
func follow(t *testing.T, dir string, b block) {
	t.Helper()
	terminals, stated := script(b)
	timeout := time.After(patience)
	var opened []*terminal
	screens := func() (all string) {
		for _, term := range opened {
			all += term.shown() + "\n"
		}
		return all
	}
	for i, commands := range terminals {
		term := open(t, dir, commands)
		opened = append(opened, term)
		// The next terminal is for when there is something on this one.
		for i+1 < len(terminals) && !answered.MatchString(term.shown()) {
			select {
			case <-term.changed:
			case err := <-term.exited:
				require.Fail(t, "it ended too soon", "%s:%d: %v\n%s", b.page, b.line, err, screens())
			case <-timeout:
				require.Fail(t, "nothing was printed", "%s:%d:\n%s", b.page, b.line, screens())
			}
		}
	}
	last := opened[len(opened)-1]
	for {
		select {
		case err := <-last.exited:
			if stated == nil {
				require.NoError(t, err, "%s:%d:\n%s", b.page, b.line, screens())
				return
			}
		case <-last.changed:
		case <-last.drained:
			require.Nil(t, missing(stated, screens()), "%s:%d: not printed in\n%s", b.page, b.line, screens())
			return
		case <-time.After(seldom):
		case <-timeout:
			require.Fail(t, "it does not end", "%s:%d: missing: %q\n%s", b.page, b.line, missing(stated, screens()), screens())
		}
		if stated != nil && missing(stated, screens()) == nil {
			return
		}
	}
}

// answered is a line that a program printed, and not the go command that
// fetches what it needs.
var answered = regexp.MustCompile(`(?m)^([^g]|g[^o]|go[^:]).*\n`)

var (
	comment = regexp.MustCompile(`\s+#\s+(.*)$`)
	opens   = regexp.MustCompile(`^in (another|a second|a third)\b`) // a terminal
	prints  = regexp.MustCompile(`^(listening on|answered:) `)
)

// script returns the commands of each terminal, and the lines that are said to
// be printed. A command is typed into another terminal if its comment says so,
// or the one before is said to be listening.
func script(b block) (terminals, stated []string) {
	typed, next := "", false
	for _, command := range strings.Split(b.code, "\n") {
		if command == "" || notRun[use{b.page, comment.ReplaceAllString(command, "")}] != "" {
			continue
		}
		said := ""
		if m := comment.FindStringSubmatch(command); m != nil {
			said = m[1]
		}
		if typed != "" && (next || opens.MatchString(said)) {
			terminals, typed = append(terminals, typed), ""
		}
		next = strings.HasPrefix(said, "listening")
		if prints.MatchString(said) {
			stated = append(stated, said)
		}
		typed += command + "\n"
	}
	for _, line := range strings.Split(b.output, "\n") {
		if strings.TrimSpace(line) != "" {
			stated = append(stated, line)
		}
	}
	return append(terminals, typed), stated
}

func TestAScriptHasATerminalForEachThatIsNamed(t *testing.T) {
	b := block{page: "README.md", code: "cd x\n./s   # in one terminal\n\n./c -x # in another; or not\n", output: "done\n\n"}
	terminals, stated := script(b)
	assert.Equal(t, []string{"cd x\n./s   # in one terminal\n", "./c -x # in another; or not\n"}, terminals)
	assert.Equal(t, []string{"done"}, stated)
	b = block{page: "README.md", code: "go run s # listening on :1\ngo run c # answered: x\nmake test  # long\n"}
	terminals, stated = script(b)
	assert.Equal(t, []string{"go run s # listening on :1\n", "go run c # answered: x\n"}, terminals)
	assert.Equal(t, []string{"listening on :1", "answered: x"}, stated)
}

var (
	unit   = regexp.MustCompile(`([0-9])(ns|µs|ms|s)\b`)
	number = regexp.MustCompile(`[0-9]+([.,][0-9]+)*`)
)

// missing returns the lines of stated that were not printed. Numbers and the
// width of columns may be others, as they are on another machine.
func missing(stated []string, screen string) (lines []string) {
	plain := func(line string) string {
		return strings.Join(strings.Fields(number.ReplaceAllString(unit.ReplaceAllString(line, "$1 time"), "0")), " ")
	}
	seen := make(map[string]int)
	for _, line := range strings.Split(screen, "\n") {
		seen[plain(line)]++
	}
	for _, line := range stated {
		if seen[plain(line)]--; seen[plain(line)] < 0 {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestALineThatWasNotPrintedIsMissed(t *testing.T) {
	screen := "took 12ms\nhello\n"
	assert.Nil(t, missing([]string{"took 140.5µs", "hello"}, screen))
	assert.Equal(t, []string{"bye"}, missing([]string{"hello", "bye"}, screen))
	assert.Equal(t, []string{"hello"}, missing([]string{"hello", "hello"}, screen))
}

var (
	local = regexp.MustCompile(`\]\(([a-z]+)\)`)
	port  = regexp.MustCompile(`127\.0\.0\.1:[0-9]{4,5}\b`)
	tools = []string{"make", "python3", "curl"}

	// unnamed are where programs listen that are not told where.
	unnamed = []string{"127.0.0.1:1202", "127.0.0.1:1203"}
)

// directory returns where the commands of a block are typed: in the directory
// that its heading names if that is a module of its own, else in the root.
func directory(tree string, b block) string {
	if m := local.FindStringSubmatch(b.heading); m != nil {
		dir := filepath.Join(tree, filepath.Dir(filepath.FromSlash(b.page)), m[1])
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	return tree
}

// programs are those that the commands of a directory may run.
func programs(dir string) string {
	if _, err := os.Stat(filepath.Join(dir, "examples")); err == nil {
		return "./examples/..."
	}
	return "./..."
}

// title is a name for the test of a block.
func title(b block) string {
	return strings.ReplaceAll(b.page, "/", " ") + " " + linkText.ReplaceAllString(b.heading, "$1")
}

// needs skips a test whose commands, or whose ports, this machine does not have.
func needs(t *testing.T, b block) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil && strings.Contains(b.code, tool+" ") {
			t.Skipf("there is no %s", tool)
		}
	}
	for _, address := range append(port.FindAllString(b.code+b.output, -1), unnamed...) {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Skipf("somebody else has %s: %v", address, err)
		}
		ln.Close()
	}
}

// compile has the go command compile, and fetch what that needs, so that this
// is not counted.
func compile(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "go %s:\n%s", strings.Join(args, " "), out)
}

// clone returns a copy of the repository without what git does not keep.
func clone(t *testing.T) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "geminio")
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (name == "bin" || strings.HasPrefix(d.Name(), ".") && name != "." && name != ".ci"):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, info.Mode().Perm()|0o600)
	}))
	return to
}
