package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newRepository returns a comparison in a repository of its own, with a
// benchmark whose name tells the revision.
func newRepository(t *testing.T) (*comparison, func(benchmark string)) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git here")
	}
	c := &comparison{dir: t.TempDir(), bench: ".", count: 1, span: time.Millisecond}
	run := func(args ...string) {
		_, err := c.git(context.Background(), args...)
		require.NoError(t, err)
	}
	run("init", "-q")
	write := func(name, text string) {
		path := filepath.Join(c.dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write("go.mod", "module example.com/compared\n\ngo 1.24.0\n")
	return c, func(benchmark string) {
		write(benchPackage+"/bench_test.go", "package bench\n\nimport \"testing\"\n\nfunc Benchmark"+benchmark+"(b *testing.B) {\n\tfor range b.N {\n\t}\n}\n")
		run("add", ".")
		run("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", benchmark)
	}
}

func TestTheLastTagIsTheOneComparedWith(t *testing.T) {
	c, commit := newRepository(t)
	ctx := context.Background()
	commit("First")
	_, err := c.lastTag(ctx)
	assert.ErrorIs(t, err, errNoTag)
	assert.ErrorIs(t, c.with(ctx, ""), errNoTag)

	_, err = c.git(ctx, "tag", "v0.1.0")
	require.NoError(t, err)
	commit("Second")
	tag, err := c.lastTag(ctx)
	require.NoError(t, err)
	assert.Equal(t, "v0.1.0", tag)
}

func TestBothTreesAreRunAndTheOldOneIsRemoved(t *testing.T) {
	c, commit := newRepository(t)
	ctx := context.Background()
	commit("First")
	commit("Second")
	old := filepath.Join(t.TempDir(), "tree")
	_, err := c.git(ctx, "worktree", "add", "--detach", old, "HEAD~1")
	require.NoError(t, err)
	temp := t.TempDir()
	for _, want := range []struct{ name, tree, benchmark string }{{"old", old, "BenchmarkFirst"}, {"new", c.dir, "BenchmarkSecond"}} {
		s := &side{name: want.name, tree: want.tree}
		require.NoError(t, s.build(ctx, temp))
		require.NoError(t, s.run(ctx, c.bench, c.span))
		require.NoError(t, s.run(ctx, c.bench, c.span))
		results, err := os.ReadFile(s.results)
		require.NoError(t, err)
		assert.Equal(t, 2, strings.Count(string(results), want.benchmark))
	}
}

func TestAFailureNamesItsTreeAndLeavesNoWorktree(t *testing.T) {
	c, commit := newRepository(t)
	ctx := context.Background()
	var out strings.Builder
	c.out = &out
	commit("First")
	commit("Broken(") // it does not build
	commit("Third")
	assert.ErrorContains(t, c.with(ctx, "HEAD~1"), "old tree: ")
	assert.ErrorContains(t, c.with(ctx, "nowhere"), "nowhere")
	list, err := c.git(ctx, "worktree", "list")
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(list+"\n", "\n"), list)
}
