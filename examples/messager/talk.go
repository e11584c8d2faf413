package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/singchia/geminio"
)

// talk is the terminal: what is typed and what is printed.
type talk struct {
	opts *common
	in   *inbox
	out  *outbox

	mu  sync.Mutex // guards dst
	dst io.Writer
}

func newTalk(opts *common, dst io.Writer) *talk {
	t := &talk{opts: opts, dst: dst}
	t.in = newInbox(opts, t.say)
	t.out = &outbox{opts: opts, say: t.say}
	return t
}

// say prints a line.
func (t *talk) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.dst, format+"\n", args...)
}

// typed returns the lines of src. The channel is closed after the last one; the
// goroutine that reads ends with src, or with ctx and the next line.
func typed(ctx context.Context, src io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		s := bufio.NewScanner(src)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			select {
			case lines <- s.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// obey does what the lines say, until they or ctx end. Ends returns whom to
// publish to. It reports whether the lines have ended.
func (t *talk) obey(ctx context.Context, lines <-chan string, ends func() []geminio.End) bool {
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				return true
			}
			t.line(ctx, strings.TrimSpace(line), ends)
		case <-ctx.Done():
			return false
		}
	}
}

func (t *talk) line(ctx context.Context, line string, ends func() []geminio.End) {
	if line == "" {
		return
	}
	if strings.HasPrefix(line, "/") {
		t.in.command(line)
		return
	}
	topic, text := t.opts.topic, line
	if topic == "" {
		topic, text, _ = strings.Cut(line, " ")
	}
	all := ends()
	if len(all) == 0 {
		t.say("nobody is here: %s", line)
	}
	for _, end := range all {
		t.out.publish(ctx, end, topic, strings.TrimSpace(text))
	}
}
