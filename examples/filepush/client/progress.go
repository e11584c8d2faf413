package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/singchia/geminio/examples/filepush/internal/push"
)

// refresh is how often the bar is drawn, smooth over how many samples its rate
// is averaged.
const (
	refresh = 100 * time.Millisecond
	smooth  = 30
)

// progress tells how far a file has come: with a bar on a terminal, with a line
// for each tenth elsewhere. All methods may be called concurrently.
type progress struct {
	terminal *os.File // nil if there is none

	mu   sync.Mutex    // guards what follows, and the order of what is printed
	out  io.Writer     // what lines go to: above the bar, if there is one
	bars *mpb.Progress // nil if there is no bar
	bar  *mpb.Bar

	name             string
	size, from, done int64
	begun, last      time.Time
}

func newProgress(out *os.File) *progress {
	p := &progress{out: out}
	if term.IsTerminal(int(out.Fd())) {
		p.terminal = out
	}
	return p
}

// say prints a line, and does not tear the bar.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.print(format, args...)
}

func (p *progress) print(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

// lines returns a writer of lines that do not tear the bar.
func (p *progress) lines() io.Writer { return lineWriter{p} }

type lineWriter struct{ *progress }

func (w lineWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(line)
}

// begin begins with a file of which from bytes are there.
func (p *progress) begin(name string, size, from int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.name, p.size, p.from, p.done, p.begun, p.last = name, size, from, from, now, now
	p.print("%s: %s, from byte %d", name, push.Size(size), from)
	if p.terminal == nil || from == size {
		return
	}
	p.bars = mpb.New(mpb.WithOutput(p.terminal), mpb.WithRefreshRate(refresh))
	p.bar = p.bars.AddBar(size,
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(name), decor.Percentage(decor.WC{W: 5})),
		mpb.AppendDecorators(
			decor.CountersKiloByte("% .1f / % .1f"),
			decor.EwmaSpeed(decor.SizeB1000(0), "  % .1f", smooth),
			decor.EwmaETA(decor.ET_STYLE_MMSS, smooth, decor.WC{W: 7}),
		))
	p.bar.SetCurrent(from)
	p.bar.SetRefill(from)
	p.out = p.bars
	go p.sample(p.bar)
}

// Write counts bytes that have come.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.done
	p.done += int64(len(b))
	if p.bar != nil {
		return len(b), nil
	}
	if tenth := 10 * p.done / p.size; p.terminal == nil && tenth > 10*before/p.size {
		p.print("%s: %3d%%", p.name, 10*tenth)
	}
	return len(b), nil
}

// sample brings the bar up to date until it is ended. It takes one sample of
// the rate for each time the bar is drawn: bytes come in bursts.
func (p *progress) sample(bar *mpb.Bar) {
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for range tick.C {
		p.mu.Lock()
		ended := p.bar != bar
		if !ended {
			p.advance()
		}
		p.mu.Unlock()
		if ended {
			return
		}
	}
}

// advance brings the bar up to date. It needs mu.
func (p *progress) advance() {
	now := time.Now()
	p.bar.EwmaSetCurrent(p.done, now.Sub(p.last))
	p.last = now
}

// end ends with a file, which is whole if err is nil.
func (p *progress) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.advance()
		p.bar.Abort(true) // does nothing to a bar that is full
		p.bars.Wait()
		p.bars, p.bar, p.out = nil, nil, p.terminal
	}
	if err != nil {
		p.print("%s: stopped at byte %d: %v", p.name, p.done, err)
		return
	}
	p.print("%s: whole, SHA-256 verified, %s in %v", p.name,
		push.Size(p.done-p.from), time.Since(p.begun).Round(time.Millisecond))
}
