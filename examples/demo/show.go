package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long something takes in silence.
const patience = time.Second

// show tells what is going on: a line for each thing that is done, and on a
// terminal the progress of those that take longer than patience.
type show struct {
	out      io.Writer
	terminal bool
}

func newShow() *show {
	return &show{out: os.Stdout, terminal: isTerminal(os.Stdout)}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (s *show) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// during runs f, which counts in done how much of total is done; a total of 0
// is unknown.
func (s *show) during(what string, total int64, f func(done *atomic.Int64) error) error {
	var (
		done  atomic.Int64
		ended = make(chan struct{})
		wg    sync.WaitGroup
		begin = time.Now()
	)
	if s.terminal {
		wg.Add(1)
		go func() {
			defer wg.Done()
			s.progress(what, begin, total, &done, ended)
		}()
	}
	err := f(&done)
	close(ended)
	wg.Wait()
	verdict := "done"
	if err != nil {
		verdict = "failed"
	}
	s.say("%-10s %s after %v", what, verdict, time.Since(begin).Round(time.Millisecond))
	return err
}

// progress draws one line over and over until ended is closed, and wipes it.
func (s *show) progress(what string, begin time.Time, total int64, done *atomic.Int64, ended <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for drawn := false; ; {
		select {
		case <-ended:
			if drawn {
				fmt.Fprint(s.out, "\r\x1b[K")
			}
			return
		case now := <-tick.C:
			if now.Sub(begin) < patience {
				continue
			}
			fmt.Fprintf(s.out, "\r\x1b[K%-10s %s %.1f s", what, bar(done.Load(), total), now.Sub(begin).Seconds())
			drawn = true
		}
	}
}

// bar draws how much of total is done.
func bar(done, total int64) string {
	if total <= 0 {
		return "..."
	}
	const width = 30
	full := int(min(done, total) * width / total)
	return fmt.Sprintf("[%s%s] %3d%%", strings.Repeat("#", full), strings.Repeat(".", width-full), min(done, total)*100/total)
}
