package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/singchia/geminio"
)

// callers is how many call at once, and window how many messages may be
// unacknowledged.
const (
	callers = 64
	window  = 256
)

var payload = make([]byte, 64)

// rate is what a measurement says: operations, how long they took together,
// and the latency of one.
type rate struct {
	Count    int
	Took     time.Duration
	P50, P99 time.Duration
}

// calls are the measurements of one direction.
type calls struct {
	Serial, Parallel rate
}

// encode is for a response.
func (c calls) encode() []byte {
	data, _ := json.Marshal(c) // numbers alone: it cannot fail
	return data
}

// measureCalls calls the peer's echo, one call after another and then many at
// once.
func measureCalls(ctx context.Context, end geminio.End, span time.Duration) (result calls, err error) {
	call := func() error {
		rsp, err := end.Call(ctx, "echo", end.NewRequest(payload))
		if err == nil && len(rsp.Data()) != len(payload) {
			err = fmt.Errorf("%d bytes came back for %d", len(rsp.Data()), len(payload))
		}
		return err
	}
	if result.Serial, err = measure(1, span, call); err != nil {
		return calls{}, err
	}
	result.Parallel, err = measure(callers, span, call)
	return result, err
}

// measure runs op over and over for span, in so many goroutines at once.
func measure(workers int, span time.Duration, op func() error) (rate, error) {
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex // guards what follows
		took   []time.Duration
		failed error
	)
	begin := time.Now()
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var own []time.Duration
			var err error
			for last := begin; err == nil && last.Sub(begin) < span; {
				start := last
				err = op()
				last = time.Now()
				own = append(own, last.Sub(start))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
			if failed == nil {
				failed = err
			}
		}()
	}
	wg.Wait()
	if failed != nil {
		return rate{}, failed
	}
	all := time.Since(begin)
	slices.Sort(took)
	return rate{Count: len(took), Took: all, P50: took[len(took)/2], P99: took[len(took)*99/100]}, nil
}

// measureMessages publishes messages that the peer acknowledges, each after
// the one before, and then without waiting.
func measureMessages(ctx context.Context, end geminio.End, span time.Duration) (serial, async rate, err error) {
	serial, err = measure(1, span, func() error {
		return end.Publish(ctx, end.NewMessage(payload))
	})
	if err != nil {
		return rate{}, rate{}, err
	}

	begin, open := time.Now(), 0
	done := make(chan *geminio.Publish, window)
	for open > 0 || time.Since(begin) < span {
		if open == window || time.Since(begin) >= span {
			if published := <-done; published.Error != nil {
				return rate{}, rate{}, published.Error
			}
			open--
			async.Count++
			continue
		}
		if _, err := end.PublishAsync(ctx, end.NewMessage(payload), done); err != nil {
			return rate{}, rate{}, err
		}
		open++
	}
	async.Took = time.Since(begin)
	return serial, async, nil
}

// hashOf returns the SHA-256 of a file, and writes to progress what it reads.
func hashOf(name string, progress io.Writer) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(h, progress), f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
