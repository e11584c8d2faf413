package load

import (
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/singchia/geminio/test/bench/peers/peer"
	"github.com/singchia/geminio/test/bench/peers/results"
)

const (
	holBlock = 64 << 10
	holMost  = 256 << 20 // that a sender may write before he is held never to block
	holTries = 20        // of what has to go on
	holWait  = 2 * time.Second
)

// headOfLine has the sender of a stream that nobody reads push until it
// blocks, and sees whether another stream, a call and a new stream go on.
// Nothing is closed at the end: what stands still may never close.
func headOfLine(p peer.Peer, t Times, s *results.Sample) error {
	s.Text = map[string]string{"A": "-", "B": "-", "call": "-", "open": "-"}
	begin := time.Now()
	defer func() { s.Seconds = time.Since(begin).Seconds() }()

	var (
		m   peer.Mux
		c   peer.Caller
		err error
	)
	if p.Mixed != nil {
		m, c, err = p.Mixed()
	} else {
		m, err = p.Mux()
	}
	if err != nil {
		return err
	}
	if p.Serial {
		s.Text["B"], s.Text["open"] = "one stream at a time", "one stream at a time"
		return nil
	}
	both, err := openStreams(m, 2)
	if err != nil {
		return err
	}
	go echo(both.far[1], besideBytes)

	var written atomic.Int64
	go func() {
		block := pattern(holBlock)
		for written.Load() < holMost {
			n, err := both.near[0].Write(block)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	stood := standsStill(&written, max(t.Timed/2, 100*time.Millisecond))
	s.Text["A"] = fmt.Sprintf("blocked after %.2f MiB", float64(stood)/(1<<20))
	if stood >= holMost {
		s.Text["A"] = fmt.Sprintf("not blocked after %d MiB", holMost>>20)
	}

	s.Text["B"] = goesOn(func() error { return ping(both.near[1]) })
	if c != nil {
		s.Text["call"] = goesOn(func() error { return call(c, pattern(besideBytes)) })
	}
	s.Text["open"] = goesOn(func() error {
		near, far, err := openStream(m)
		if err == nil {
			_, _ = near.Close(), far.Close()
		}
		return err
	})
	return nil
}

// standsStill returns what n is once it has not changed for so long.
func standsStill(n *atomic.Int64, quiet time.Duration) int64 {
	last := n.Load()
	for {
		<-time.After(quiet)
		now := n.Load()
		if now == last {
			return now
		}
		last = now
	}
}

// goesOn tries op some times and says how long it took, or that it is stuck.
func goesOn(op func() error) string {
	type outcome struct {
		took time.Duration
		err  error
	}
	ended := make(chan outcome, holTries)
	go func() {
		for range holTries {
			begin := time.Now()
			err := op()
			ended <- outcome{time.Since(begin), err}
		}
	}()
	var took []time.Duration
	for range holTries {
		select {
		case o := <-ended:
			if o.err != nil {
				return fmt.Sprintf("failed: %v", o.err)
			}
			took = append(took, o.took)
		case <-time.After(holWait):
			return "stuck"
		}
	}
	slices.Sort(took)
	return fmt.Sprintf("yes, p50 %.0f us, longest %.0f us", micros(took[holTries/2]), micros(took[holTries-1]))
}

// ping sends a block and reads it back.
func ping(s io.ReadWriter) error {
	p := pattern(besideBytes)
	if _, err := s.Write(p); err != nil {
		return err
	}
	_, err := io.ReadFull(s, p)
	return err
}
