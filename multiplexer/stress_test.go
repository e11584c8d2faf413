package multiplexer

import (
	"context"
	"fmt"
	"io"
	"math/rand"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// worry calls methods of d at random until its time is over.
func worry(d *Dialogue, rnd *rand.Rand, calls int) {
	p := make([]byte, 100<<10)
	soon := func() time.Time {
		if rnd.Intn(3) == 0 {
			return time.Time{}
		}
		return time.Now().Add(time.Duration(rnd.Intn(2000)-200) * time.Microsecond)
	}
	_ = d.SetDeadline(time.Now().Add(time.Millisecond))
	for range calls {
		n := rnd.Intn(1 << rnd.Intn(17))
		switch rnd.Intn(12) {
		case 0, 1, 2:
			_, _ = d.Write(p[:n])
		case 3, 4, 5:
			_, _ = d.Read(p[:n])
		case 6:
			_, _ = d.WriteTo(io.Discard)
		case 7:
			_, _ = d.ReadFrom(io.LimitReader(zeros{}, int64(n)))
		case 8:
			_ = d.SetReadDeadline(soon())
		case 9:
			_ = d.SetWriteDeadline(soon())
		case 10:
			_ = d.SetDeadline(time.Now().Add(time.Millisecond))
		case 11:
			if rnd.Intn(20) == 0 {
				_ = d.CloseWrite()
			}
			if rnd.Intn(20) == 0 {
				_ = d.CloseRead()
			}
		}
		if rnd.Intn(4) == 0 {
			_ = d.SetDeadline(time.Now().Add(500 * time.Microsecond)) // nothing waits for ever
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// All methods may be called at once on both ends of many streams; when all are
// closed, every stream is retired, the budgets are whole and no buffer is kept.
func TestNothingIsLeftBehindWhateverIsCalledAtOnce(t *testing.T) {
	seed := rand.Int63()
	t.Log("seed", seed)
	client, server := tcp(t)
	const rounds, streams, callers, calls = 4, 10, 3, 20
	for round := range rounds {
		var group sync.WaitGroup
		var all []*Dialogue
		for i := range streams {
			here, there := client, server
			if i%2 == 1 {
				here, there = server, client
			}
			d, err := here.m.Open(context.Background(), nil, "")
			require.NoError(t, err)
			peer := <-there.accepted
			there.m.Accepted()
			require.NoError(t, d.AwaitOpened(context.Background()))
			all = append(all, d, peer)
			for j, end := range []*Dialogue{d, peer} {
				for k := range callers {
					group.Add(1)
					go func() {
						defer group.Done()
						rnd := rand.New(rand.NewSource(seed + int64(((round*streams+i)*2+j)*callers+k)))
						worry(end, rnd, calls)
						if rnd.Intn(2) == 0 {
							_ = end.Close()
						}
					}()
				}
			}
		}
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			group.Wait()
		}()
		for done := false; !done; {
			for _, s := range []*side{client, server} { // a deadline in reach for whoever waits
				s.m.Range(func(d *Dialogue) { _ = d.SetDeadline(time.Now().Add(time.Millisecond)) })
			}
			select {
			case <-stopped:
				done = true
			case <-time.After(5 * time.Millisecond):
			}
		}
		for _, d := range all {
			_ = d.Close()
		}
		for name, s := range map[string]*side{"client": client, "server": server} {
			until(t, fmt.Sprint(name, " retires every stream, round ", round), func() bool {
				s.m.mu.Lock()
				defer s.m.mu.Unlock()
				return len(s.m.dialogues) == 1
			})
		}
	}
	for name, s := range map[string]*side{"client": client, "server": server} {
		require.Zero(t, s.m.unread.Load(), name)
		until(t, name+" keeps no buffer", func() bool { return s.c.Pinned() == 0 })
		own := s.m.cfg.StreamWindow - s.m.cfg.MinStreamWindow // of the default stream
		until(t, name+"'s budget is whole", func() bool {
			s.m.mu.Lock()
			defer s.m.mu.Unlock()
			return s.m.cfg.Budget.Left() == s.m.cfg.Memory-own-s.m.granted()
		})
	}
}
