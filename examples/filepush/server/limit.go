package main

import (
	"context"
	"io"
	"time"
)

// limited returns w if there is no limit, else a writer that is as slow as the
// limit says.
func (p *pusher) limited(ctx context.Context, w io.Writer) io.Writer {
	if p.limit == 0 {
		return w
	}
	return &slow{ctx: ctx, w: w, rate: p.limit * 1e6, next: time.Now()}
}

// slow waits after each write for as long as its bytes may take.
type slow struct {
	ctx  context.Context
	w    io.Writer
	rate float64   // bytes per second
	next time.Time // when the next write may begin
}

func (s *slow) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		return n, err
	}
	if now := time.Now(); s.next.Before(now.Add(-time.Second)) {
		s.next = now // what an outage took is not caught up with
	}
	s.next = s.next.Add(time.Duration(float64(n) / s.rate * float64(time.Second)))
	wait := time.NewTimer(time.Until(s.next))
	defer wait.Stop()
	select {
	case <-wait.C:
		return n, nil
	case <-s.ctx.Done():
		return n, s.ctx.Err()
	}
}
