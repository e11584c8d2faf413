package load

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/singchia/geminio/test/bench/peers/peer"
	"github.com/singchia/geminio/test/bench/peers/results"
)

var (
	short = For(20 * time.Millisecond)
	small = Scale{Conns: 3, Streams: 5}
)

const patience = 20 * time.Second

func workload(t *testing.T, p peer.Peer, name string) Workload {
	t.Helper()
	for _, w := range Of(p, small) {
		if w.Name == name {
			return w
		}
	}
	t.Fatalf("%s has no workload %q", p.Name, name)
	return Workload{}
}

func TestEveryWorkloadGivesAFigure(t *testing.T) {
	all := Of(fake(), small)
	if len(all) < 30 {
		t.Errorf("only %d workloads", len(all))
	}
	for _, w := range all {
		t.Run(w.Name, func(t *testing.T) {
			s := w.Run(short, patience)
			if s.Failed != "" {
				t.Fatal(s.Failed)
			}
			if s.Workload != w.Name || s.Seconds <= 0 {
				t.Errorf("%+v", s)
			}
			if s.Ops == 0 && w.Name != "hol" {
				t.Error("no operations")
			}
		})
	}
}

func TestTheBytesAreThoseOfTheOperations(t *testing.T) {
	for name, each := range map[string]int64{
		"StreamThroughput/16K": 16 << 10, "ParallelEcho": 16 << 10, "StreamOpenClose": 1,
		"RPC/1K/8x10": 1 << 10, "Message/128K/async": 128 << 10, "Published/nothing": 7,
		"RPCUnderBulk/bulk1": 64, "RPCUnderBulk/bulk-alone16": 32 << 10,
	} {
		if s := workload(t, fake(), name).Run(short, patience); s.Bytes != s.Ops*each {
			t.Errorf("%s: %d bytes for %d operations (%s)", name, s.Bytes, s.Ops, s.Failed)
		}
	}
}

func TestCallsBesideBulkHaveLatencyAndRate(t *testing.T) {
	s := workload(t, fake(), "RPCUnderBulk/bulk16").Run(short, patience)
	if s.Extra["p50us"] <= 0 || s.Extra["p99us"] < s.Extra["p50us"] || s.Extra["bulkMBs"] <= 0 {
		t.Errorf("%v %s", s.Extra, s.Failed)
	}
	s = workload(t, fake(), "RPCUnderBulk/idle").Run(short, patience)
	if _, ok := s.Extra["bulkMBs"]; ok || s.Extra["p50us"] <= 0 {
		t.Errorf("%v %s", s.Extra, s.Failed)
	}
}

func TestAStreamNobodyReadsBlocksOnlyItself(t *testing.T) {
	s := workload(t, fake(), "hol").Run(short, patience)
	if s.Text["A"] != "blocked after 0.00 MiB" {
		t.Errorf("A %s", s.Text["A"])
	}
	for _, k := range []string{"B", "call", "open"} {
		if !strings.HasPrefix(s.Text[k], "yes, p50 ") {
			t.Errorf("%s %s", k, s.Text[k])
		}
	}
}

// broken is a caller that is not what it should be.
type broken struct {
	mirror
	call func([]byte) ([]byte, error)
}

func (b broken) Call(p []byte) ([]byte, error) { return b.call(p) }

func calling(f func([]byte) ([]byte, error)) peer.Peer {
	return peer.Peer{Name: "broken", Call: func() (peer.Caller, error) { return broken{call: f}, nil }}
}

func TestWhatGoesWrongIsSaid(t *testing.T) {
	hangs := make(chan struct{})
	defer close(hangs)
	for want, p := range map[string]peer.Peer{
		"63 bytes came back for 64": calling(func(p []byte) ([]byte, error) { return p[1:], nil }),
		"no such method":            calling(func([]byte) ([]byte, error) { return nil, errors.New("no such method") }),
		"no answer for 50ms":        calling(func([]byte) ([]byte, error) { <-hangs; return nil, nil }),
	} {
		for _, name := range []string{"RPC/64B/serial", "RPC/64B/8x10"} {
			if s := workload(t, p, name).Run(short, 50*time.Millisecond); s.Failed != want || s.Ops != 0 {
				t.Errorf("%s: %q, not %q", name, s.Failed, want)
			}
		}
	}
}

func TestAMessageThatIsRefusedFailsTheLoad(t *testing.T) {
	p := peer.Peer{Message: func() (peer.Messenger, error) { return &refuser{}, nil }}
	if s := workload(t, p, "Message/64B/async").Run(short, patience); s.Failed != "refused" {
		t.Errorf("%q", s.Failed)
	}
}

type refuser struct{}

func (*refuser) Publish([]byte) error { return errors.New("refused") }
func (*refuser) Close() error         { return nil }
func (*refuser) PublishAsync(_ []byte, done func(error)) error {
	done(errors.New("refused"))
	return nil
}

// windowed sees how many messages are not yet acknowledged, and acknowledges
// none before the publisher stands still.
type windowed struct {
	acker
	open, most atomic.Int64
	full       chan struct{}
}

func (w *windowed) PublishAsync(_ []byte, done func(error)) error {
	if n := w.open.Add(1); n > w.most.Load() {
		w.most.Store(n)
	}
	if w.open.Load() == 8 {
		select {
		case <-w.full:
		default:
			close(w.full)
		}
	}
	w.wg.Go(func() {
		<-w.full
		w.open.Add(-1)
		done(nil)
	})
	return nil
}

func TestNoMoreThanTheWindowIsUnacknowledged(t *testing.T) {
	w := &windowed{full: make(chan struct{})}
	l, err := newAsync(func() (peer.Messenger, error) { return w, nil }, 8, 64)
	if err != nil {
		t.Fatal(err)
	}
	var s results.Sample
	if err := measure(func() (load, error) { return l, nil }, Times{Timed: 20 * time.Millisecond}, &s); err != nil {
		t.Fatal(err)
	}
	if most := w.most.Load(); most != 8 || w.open.Load() != 0 {
		t.Errorf("%d unacknowledged at most, %d at the end", most, w.open.Load())
	}
}

func TestWhatAPeerLacksIsNotAskedOfIt(t *testing.T) {
	p := fake()
	p.Call, p.Message, p.Mixed, p.Extra = nil, nil, nil, nil
	p.ConnPerStream = true
	for _, w := range Of(p, small) {
		for _, lacks := range []string{"RPC", "Message", "Published", "hol", "mem-stream"} {
			if strings.HasPrefix(w.Name, lacks) {
				t.Error(w.Name)
			}
		}
	}
	p = fake()
	p.Serial = true
	for _, w := range Of(p, small) {
		if strings.HasPrefix(w.Name, "Parallel") || w.Name == "mem-stream" || strings.HasSuffix(w.Name, "16") {
			t.Error(w.Name)
		}
	}
}
