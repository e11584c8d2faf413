package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"

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

// say prints a line. What others have sent cannot steer the terminal.
func (t *talk) say(format string, args ...any) {
	line := strings.Map(printable, fmt.Sprintf(format, args...))
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintln(t.dst, line)
}

func printable(r rune) rune {
	if unicode.IsControl(r) && r != '\t' {
		return unicode.ReplacementChar
	}
	return r
}

// maxLine is how long a line may be that is typed.
const maxLine = 1 << 20

// typed returns the lines of src. The channel is closed after the last one; the
// goroutine that reads ends with src, or with ctx and the next line.
func (t *talk) typed(ctx context.Context, src io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		s := bufio.NewScanner(src)
		s.Buffer(nil, maxLine)
		for s.Scan() {
			select {
			case lines <- s.Text():
			case <-ctx.Done():
				return
			}
		}
		if err := s.Err(); err != nil {
			t.say("nothing more is read: %v", err)
			t.out.fail()
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
