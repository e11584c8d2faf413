package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/singchia/geminio"
)

// runBench publishes for a while one message after the other, and then many at
// once, and prints how many were acknowledged, which is stored and synced.
func runBench(ctx context.Context, end geminio.End, topic string, inflight, size int, span time.Duration) error {
	fmt.Printf("%-20s %12s %10s %10s %10s\n", fmt.Sprintf("%d bytes", size), "messages/s", "p50", "p99", "MB/s")
	for _, n := range slices.Compact([]int{1, inflight}) {
		took, all, err := measure(ctx, end, topic, n, size, span)
		if err != nil {
			return err
		}
		slices.Sort(took)
		rate := float64(len(took)) / all.Seconds()
		fmt.Printf("%-20s %12.0f %10s %10s %10.1f\n", fmt.Sprintf("%d in flight", n), rate,
			round(took[len(took)/2]), round(took[len(took)*99/100]), rate*float64(size)/1e6)
	}
	return nil
}

// measure publishes for span, with so many messages in flight, and returns how
// long each took and all together.
func measure(ctx context.Context, end geminio.End, topic string, inflight, size int, span time.Duration) ([]time.Duration, time.Duration, error) {
	var took []time.Duration
	done := make(chan *geminio.Publish, inflight)
	sent := make(map[geminio.Message]time.Time, inflight)
	begin := time.Now()
	for open := 0; ; {
		if open < inflight && (len(sent)+len(took) == 0 || time.Since(begin) < span) && ctx.Err() == nil {
			msg := newMessage(end, topic, make([]byte, size))
			sent[msg] = time.Now()
			if _, err := end.PublishAsync(ctx, msg, done); err != nil {
				return nil, 0, interrupted(err)
			}
			open++
			continue
		}
		if open == 0 {
			break
		}
		select {
		case result := <-done:
			if result.Error != nil {
				return nil, 0, interrupted(result.Error)
			}
			took = append(took, time.Since(sent[result.Message]))
			delete(sent, result.Message)
			open--
		case <-ctx.Done():
			return nil, 0, errInterrupted
		}
	}
	if ctx.Err() != nil {
		return nil, 0, errInterrupted
	}
	return took, time.Since(begin), nil
}

// round is for people.
func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
