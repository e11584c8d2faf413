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

	"github.com/singchia/geminio/examples/filepush/internal/program"
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
	p.print("%s: %s, from byte %d", name, program.Bytes(size), from)
	if p.terminal == nil || from == size {
		return
	}
	p.bars = mpb.New(mpb.WithOutput(p.terminal), mpb.WithRefreshRate(100*time.Millisecond))
	p.bar = p.bars.AddBar(size,
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(name), decor.Percentage(decor.WC{W: 5})),
		mpb.AppendDecorators(
			decor.CountersKiloByte("% .1f / % .1f"),
			decor.EwmaSpeed(decor.SizeB1000(0), "  % .1f", 100),
			decor.EwmaETA(decor.ET_STYLE_MMSS, 100, decor.WC{W: 7}),
		))
	p.bar.SetCurrent(from)
	p.bar.SetRefill(from)
	p.out = p.bars
}

// Write counts bytes that have come.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.done
	p.done += int64(len(b))
	if p.bar != nil {
		now := time.Now()
		p.bar.EwmaIncrBy(len(b), now.Sub(p.last))
		p.last = now
		return len(b), nil
	}
	if tenth := 10 * p.done / p.size; p.terminal == nil && tenth > 10*before/p.size {
		p.print("%s: %3d%%", p.name, 10*tenth)
	}
	return len(b), nil
}

// end ends with a file, which is whole if err is nil.
func (p *progress) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Abort(true) // does nothing to a bar that is full
		p.bars.Wait()
		p.bars, p.bar, p.out = nil, nil, p.terminal
	}
	if err != nil {
		p.print("%s: stopped at byte %d: %v", p.name, p.done, err)
		return
	}
	p.print("%s: whole, SHA-256 verified, %s in %v", p.name,
		program.Bytes(p.done-p.from), time.Since(p.begun).Round(time.Millisecond))
}
