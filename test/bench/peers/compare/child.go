package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/singchia/geminio/test/bench/peers/results"
)

// Patience is how long a child may stay without an answer.
const Patience = 25 * time.Second

// Entry is what a child says of a peer that it has.
type Entry struct {
	Peer      string   `json:"peer"`
	Module    string   `json:"module,omitempty"`
	Version   string   `json:"version,omitempty"`
	Workloads []string `json:"workloads"`
}

// Job is one run of one workload over one peer.
type Job struct {
	Peer, Workload string
	Round, CPU     int
	Span           time.Duration
}

// Runner runs jobs and knows what can be run. What fails is in the sample.
type Runner interface {
	Run(ctx context.Context, j Job) results.Sample
	List(ctx context.Context) ([]Entry, error)
}

// Children runs each job in a process of its own: that of the program with the
// peers of this tree, or that with the original release.
type Children struct {
	of      map[string]string // program, by the name of the peer
	entries []Entry
}

// Build builds the programs of the module in dir into the directory out.
func Build(ctx context.Context, dir, out string) (*Children, error) {
	c := &Children{of: map[string]string{}}
	for _, p := range []struct {
		name string
		args []string
	}{
		{"peers", nil},
		{"original", []string{"-modfile=original.mod", "-tags=original"}},
	} {
		program := filepath.Join(out, p.name)
		args := append(append([]string{"build"}, p.args...), "-o", program, ".")
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
		}
		entries, err := list(ctx, program)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			c.of[e.Peer] = program
		}
		c.entries = append(c.entries, entries...)
	}
	return c, nil
}

func list(ctx context.Context, program string) (entries []Entry, err error) {
	text, err := exec.CommandContext(ctx, program, "list", "-json").Output()
	if err == nil {
		err = json.Unmarshal(text, &entries)
	}
	if err != nil {
		return nil, fmt.Errorf("%s list: %w", filepath.Base(program), err)
	}
	return entries, nil
}

// List returns the peers of both programs.
func (c *Children) List(context.Context) ([]Entry, error) { return c.entries, nil }

// Run runs a job.
func (c *Children) Run(ctx context.Context, j Job) results.Sample {
	program, ok := c.of[j.Peer]
	if !ok {
		return results.Sample{Peer: j.Peer, Workload: j.Workload, Round: j.Round, CPU: j.CPU, Failed: "no such peer"}
	}
	return runChild(ctx, j, program, childArgs(j)...)
}

// childArgs are those with which a program runs j itself.
func childArgs(j Job) []string {
	return []string{"run", "-peer", j.Peer, "-workload", j.Workload, "-d", j.Span.String()}
}

// runChild runs a program that prints a sample, whatever happens to it.
func runChild(ctx context.Context, j Job, program string, args ...string) results.Sample {
	// A child ends by itself when it gets no answer: this is for one that cannot.
	ctx, cancel := context.WithTimeout(ctx, 2*j.Span+2*Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", j.CPU))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	ended := cmd.Run()

	var s results.Sample
	if err := json.Unmarshal(lastLine(out.Bytes()), &s); err != nil {
		s = results.Sample{Failed: failure(ctx, ended, errs.String(), err)}
	}
	s.Peer, s.Workload, s.Round, s.CPU = j.Peer, j.Workload, j.Round, j.CPU
	return s
}

// lastLine is where the sample is: a library may log to the same output before.
func lastLine(out []byte) []byte {
	out = bytes.TrimSpace(out)
	return out[bytes.LastIndexByte(out, '\n')+1:]
}

// failure says in a line why a child printed no sample.
func failure(ctx context.Context, ended error, stderr string, unread error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "hangs"
	}
	if ended == nil {
		return unread.Error()
	}
	first, _, _ := strings.Cut(strings.TrimSpace(stderr), "\n")
	return strings.TrimSuffix(ended.Error()+": "+first, ": ")
}
