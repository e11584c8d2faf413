package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/singchia/geminio/examples/chatroom/internal/chat"
)

// printer prints what happens, a line each, and each message once.
type printer struct {
	mu   sync.Mutex
	w    io.Writer
	seen *chat.Seen
	link bool
	lost func(error) // called when the server refuses the client
}

func (p *printer) show(update any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch u := update.(type) {
	case linkState:
		if u.connected != p.link {
			p.link = u.connected
			p.line("* " + u.String())
		}
	case refused:
		p.lost(u.err)
	case chat.Event:
		for _, e := range entries(u, p.seen) {
			p.line("#" + u.Room + " " + e.at.Local().Format("15:04") + " " + e.text())
		}
	}
}

// line prints text, which may be several lines.
func (p *printer) line(text string) { fmt.Fprintln(p.w, text) }

// runLines says what r has, a line each, and prints what happens to w, until r
// ends and everything has been said.
func runLines(ctx context.Context, cfg config, r io.Reader, w io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := &printer{w: w, seen: chat.NewSeen(remembered), lost: cancel}
	s, err := connect(ctx, cfg, p.show)
	if err != nil {
		if ctx.Err() != nil {
			return nil // interrupted
		}
		return err
	}
	defer s.close()
	go func() {
		if err := s.run(ctx); err != nil {
			cancel(err)
		}
	}()
	said := make(chan error, 1)
	go func() { said <- sayLines(ctx, cfg, s, r, p) }()
	select {
	case err = <-said:
	case <-ctx.Done():
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	if ctx.Err() != nil {
		return nil // interrupted
	}
	return err
}

// maxLine is how long a line may be that is looked at: too long to be said.
const maxLine = 1 << 20

// sayLines does what the lines say, one after the other. What the server does
// not agree to is an error: a script should know.
func sayLines(ctx context.Context, cfg config, s *session, r io.Reader, p *printer) error {
	_, rooms := s.who()
	room := rooms[len(rooms)-1]
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		res, err := s.do(ctx, room, lines.Text())
		if err == errQuit {
			return nil
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if res.next != "" || res.left != "" {
			room = res.next
		}
		if res.text != "" {
			p.mu.Lock()
			p.line("* " + strings.ReplaceAll(res.text, "\n", "\n* "))
			p.mu.Unlock()
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	if cfg.stay {
		<-ctx.Done()
	}
	return nil
}
