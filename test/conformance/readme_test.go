package conformance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// block returns the n-th fenced block of the language in a Markdown text.
func block(t *testing.T, text, lang string, n int) string {
	t.Helper()
	for ; ; n-- {
		_, rest, ok := strings.Cut(text, "\n```"+lang+"\n")
		require.True(t, ok, "README has no such block of %s", lang)
		code, after, ok := strings.Cut(rest, "\n```\n")
		require.True(t, ok)
		if n == 0 {
			return code + "\n"
		}
		text = after
	}
}

// run runs a command in dir and returns what it printed.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %s:\n%s", name, strings.Join(args, " "), out)
	return string(out)
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

// TestReadmeProgramRunsAgainstACloneOfTheLibrary does what README says: the
// commands for a program of one's own, and the program.
func TestReadmeProgramRunsAgainstACloneOfTheLibrary(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(block(t, string(text), "go", 0)), 0o600))
	run(t, dir, "go", "mod", "init", "example.com/yourprogram")
	commands := 0
	for _, line := range strings.Split(block(t, string(text), "sh", 1), "\n") {
		if strings.HasPrefix(line, "go ") {
			commands++
			args := strings.Fields(strings.ReplaceAll(line, "../geminio", moduleRoot(t)))
			run(t, dir, args[0], args[1:]...)
		}
	}
	require.Equal(t, 2, commands)
	require.Equal(t, "ready hello, world <nil>\n", run(t, dir, "go", "run", "."))
	require.Contains(t, string(text), "It prints `ready hello, world <nil>`")
}

// TestOldestVersionsAreEnough builds a program whose go.mod names the oldest
// versions that the library asks for, and nothing else: a requirement of ours
// must not raise anybody's.
func TestOldestVersionsAreEnough(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	sums, err := os.ReadFile("../../go.sum")
	require.NoError(t, err)
	dir := t.TempDir()
	files := map[string]string{
		"main.go": block(t, string(text), "go", 0),
		"go.sum":  string(sums),
		"go.mod": `module example.com/yourprogram

go 1.24.0

require github.com/singchia/geminio v1.3.0-rc.2

require (
	github.com/jumboframes/armorigo v0.2.5 // indirect
	github.com/singchia/go-timer/v2 v2.2.2 // indirect
)

replace github.com/singchia/geminio => ` + moduleRoot(t) + "\n",
	}
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	run(t, dir, "go", "build", "-o", filepath.Join(dir, "program"), ".")
	out := run(t, dir, "go", "list", "-m", "github.com/jumboframes/armorigo", "github.com/singchia/go-timer/v2")
	require.Equal(t, "github.com/jumboframes/armorigo v0.2.5\ngithub.com/singchia/go-timer/v2 v2.2.2\n", out)
}

func TestReadmeCommandsAreTargetsOfTheMakefile(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	ci, err := os.ReadFile("../../.ci/run")
	require.NoError(t, err)
	commands := block(t, string(text), "sh", 0)
	require.Equal(t, 2, strings.Count(commands, "\n"))
	for _, target := range []string{"demo", "test"} {
		require.Contains(t, commands, "make "+target)
		require.Contains(t, string(makefile), "\n"+target+":")
	}
	require.Contains(t, string(ci), "\nmake test\n", ".ci/run calls the test command that README names")
}
