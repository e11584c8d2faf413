// Command compare runs the benchmarks of this tree and of an older revision in
// turn, and has benchstat say what has become slower or faster. The older one
// is the last tag, or what -base names; it is checked out in a temporary
// directory, which is removed again.
//
//	go run ./test/bench/cmd/compare -base HEAD~3 -bench 'Call$/serial64B/geminio'
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

const (
	// benchstat is what judges; its version is pinned.
	benchstat = "golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da"

	// ours are the benchmarks of the library, without what it is compared with
	// elsewhere.
	ours = "StreamThroughput/./geminio|Parallel/geminio|StreamOpenClose/geminio|Call$/./geminio|Message/./geminio"

	benchPackage = "test/bench"
)

func main() {
	var (
		base  = flag.String("base", "", "compare with this `revision`; else with the last tag")
		bench = flag.String("bench", ours, "run what matches this `expression`, as go test -bench does")
		count = flag.Int("count", 6, "how many times each benchmark runs on both sides")
		span  = flag.Duration("d", 100*time.Millisecond, "how long each run takes, about")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	c := comparison{dir: ".", bench: *bench, count: *count, span: *span, out: os.Stdout}
	err := c.with(ctx, *base)
	switch {
	case errors.Is(err, errNoTag):
		fmt.Println("compare:", err)
	case err != nil:
		fmt.Fprintln(os.Stderr, "compare:", err)
		stop()
		os.Exit(1)
	}
}

var errNoTag = errors.New("there is no tag yet to compare with; BASE=revision, or -base, names something else")

// A comparison is of the tree in dir with an older one.
type comparison struct {
	dir   string
	bench string
	count int
	span  time.Duration
	out   io.Writer
}

// with compares with base, or with the last tag if that is empty. The error is
// errNoTag where there is none.
func (c *comparison) with(ctx context.Context, base string) (err error) {
	if base == "" {
		if base, err = c.lastTag(ctx); err != nil {
			return err
		}
	}
	temp, err := os.MkdirTemp("", "compare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	old := filepath.Join(temp, "tree")
	if _, err := c.git(ctx, "worktree", "add", "--detach", old, base); err != nil {
		return err
	}
	// Also when ctx has ended, else git keeps the worktree in its list.
	defer c.git(context.WithoutCancel(ctx), "worktree", "remove", "--force", old) // nothing to be done about an error

	fmt.Fprintf(c.out, "compare: with %s, each %d times for %v\n", base, c.count, c.span)
	sides := []*side{{name: "old", tree: old}, {name: "new", tree: c.dir}}
	for _, s := range sides {
		if err := s.build(ctx, temp); err != nil {
			return fmt.Errorf("%s tree: %w", s.name, err)
		}
	}
	for i := range c.count {
		for j := range sides { // a machine that gets slower favours neither
			s := sides[(i+j)%2]
			if err := s.run(ctx, c.bench, c.span); err != nil {
				return fmt.Errorf("%s tree: %w", s.name, err)
			}
		}
	}
	return c.judge(ctx, sides)
}

// lastTag returns the last tag before the current revision.
func (c *comparison) lastTag(ctx context.Context) (string, error) {
	tags, err := c.git(ctx, "tag", "--merged", "HEAD", "--sort=-creatordate")
	if err != nil {
		return "", err
	}
	last, _, _ := strings.Cut(tags, "\n")
	if last == "" {
		return "", errNoTag
	}
	return last, nil
}

func (c *comparison) git(ctx context.Context, args ...string) (string, error) {
	return command(ctx, c.dir, "git", args...)
}

func (c *comparison) judge(ctx context.Context, sides []*side) error {
	args := []string{"run", benchstat}
	for _, s := range sides {
		args = append(args, s.name+"="+s.results)
	}
	text, err := command(ctx, c.dir, "go", args...)
	fmt.Fprintln(c.out, text)
	return err
}

// A side is one of the trees, with its benchmarks and what they gave.
type side struct {
	name, tree      string
	binary, results string
}

// build makes the benchmarks of the tree, in temp.
func (s *side) build(ctx context.Context, temp string) error {
	s.binary = filepath.Join(temp, s.name+".test.exe")
	s.results = filepath.Join(temp, s.name+".txt")
	_, err := command(ctx, s.tree, "go", "test", "-c", "-o", s.binary, "./"+benchPackage)
	return err
}

// run runs the benchmarks once and adds what they say to the results.
func (s *side) run(ctx context.Context, bench string, span time.Duration) error {
	text, err := command(ctx, filepath.Join(s.tree, benchPackage), s.binary,
		"-test.run", "^$", "-test.bench", bench, "-test.benchtime", span.String(), "-test.benchmem")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.results, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text + "\n")
	return errors.Join(err, f.Close())
}

// command runs a program in dir and returns what it prints; the error has what
// it complains of.
func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	var complaints strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stderr = dir, &complaints
	out, err := cmd.Output()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return text, fmt.Errorf("%s %s: %w\n%s%s", name, args[0], err, text, complaints.String())
	}
	return text, nil
}
