package session

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/chaos"
	"github.com/singchia/geminio/test/harness"
)

// graceOfLedger is short, so that sessions end in a process that lives on.
const graceOfLedger = 500 * time.Millisecond

var errRefused = errors.New("refused")

// refuses tells which messages the receiver refuses.
func refuses(id uint64) bool { return id%10 == 3 }

// A ledger is a file with one line for each message that was taken over.
type ledger struct {
	mu   sync.Mutex
	file *os.File
}

func newLedger(t *testing.T) *ledger {
	f, err := os.Create(filepath.Join(t.TempDir(), "ledger"))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return &ledger{file: f}
}

// enter returns when the messages are in the file for good.
func (l *ledger) enter(messages []geminio.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := bufio.NewWriter(l.file)
	for _, m := range messages {
		fmt.Fprintln(w, idOf(m))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return l.file.Sync()
}

// lines returns how often each id was entered.
func (l *ledger) lines(t *testing.T) map[uint64]int {
	f, err := os.Open(l.file.Name())
	require.NoError(t, err)
	defer f.Close()
	lines := make(map[uint64]int)
	for s := bufio.NewScanner(f); s.Scan(); {
		var id uint64
		_, err := fmt.Sscan(s.Text(), &id)
		require.NoError(t, err)
		lines[id]++
	}
	return lines
}

func idOf(m geminio.Message) uint64 { return binary.BigEndian.Uint64(m.Data()) }

// An office is where messages go: one process after the other that receives
// them, enters them into the ledger, and then calls Done.
type office struct {
	t      *testing.T
	ledger *ledger
	script func(n int) chaos.Script
	dialed atomic.Int64 // connections of all processes
	closed atomic.Bool  // nobody gets through

	mu       sync.Mutex
	process  *process
	began    int            // processes
	sessions int            // that were accepted
	received map[uint64]int // by all processes
	running  sync.WaitGroup
}

// A process is one life of the receiver.
type process struct {
	office  *office
	network *chaos.Listener
	l       server.Listener
	dead    atomic.Bool // nothing that it does counts any more
	offline chan struct{}
	taken   chan geminio.Message

	mu       sync.Mutex
	received map[uint64]int
	ends     []geminio.End
}

// start begins a process that knows nothing of those before it.
func (o *office) start() {
	p := &process{
		office: o, received: make(map[uint64]int),
		offline: make(chan struct{}, 100), taken: make(chan geminio.Message, 1000),
	}
	p.network = chaos.NewListener(func(int) chaos.Script {
		if o.closed.Load() || p.dead.Load() {
			return chaos.Script{{Fault: chaos.Refuse{}}}
		}
		return o.script(int(o.dialed.Add(1) - 1))
	})
	opts := harness.ServerOptions()
	opts.SetResumeGrace(graceOfLedger)
	opts.SetDelegate(&harness.Recorder{Offline: func(delegate.ConnDescriber) error {
		p.offline <- struct{}{}
		return nil
	}})
	l, err := server.NewListener(p.network, opts)
	if err != nil {
		o.t.Errorf("listen: %v", err)
		return
	}
	p.l = l
	o.mu.Lock()
	o.process = p
	o.began++
	o.mu.Unlock()
	o.running.Add(2)
	go p.accept()
	go p.file()
}

// kill ends the process with everything that it did not say yet.
func (o *office) kill() {
	o.mu.Lock()
	p := o.process
	o.mu.Unlock()
	p.dead.Store(true)
	p.network.Inject(chaos.Both, chaos.Reset{})
	p.l.Close()
	p.mu.Lock()
	ends := p.ends
	p.mu.Unlock()
	for _, end := range ends {
		end.Close()
	}
}

// away has nobody get through until the process has lost its session.
func (o *office) away() {
	o.mu.Lock()
	p := o.process
	o.mu.Unlock()
	for len(p.offline) > 0 {
		<-p.offline
	}
	o.closed.Store(true)
	defer o.closed.Store(false)
	p.network.Inject(chaos.Both, chaos.Reset{})
	select {
	case <-p.offline:
	case <-time.After(harness.Soon):
		o.t.Error("the session outlives its grace")
	}
}

func (o *office) dial() (net.Conn, error) {
	o.mu.Lock()
	p := o.process
	o.mu.Unlock()
	return p.network.Dial()
}

func (p *process) accept() {
	defer p.office.running.Done()
	var receiving sync.WaitGroup
	for {
		end, err := p.l.AcceptEnd()
		if err != nil {
			break
		}
		p.mu.Lock()
		p.ends = append(p.ends, end)
		dead := p.dead.Load()
		p.mu.Unlock()
		if dead {
			end.Close()
		}
		p.office.mu.Lock()
		p.office.sessions++
		p.office.mu.Unlock()
		receiving.Add(1)
		go func() {
			defer receiving.Done()
			p.receive(end)
		}()
	}
	receiving.Wait()
	close(p.taken)
}

// receive takes what comes in one session.
func (p *process) receive(end geminio.End) {
	t := p.office.t
	var last uint64
	for {
		m, err := end.Receive(context.Background())
		if p.dead.Load() || err == io.EOF {
			return
		}
		if err != nil {
			t.Errorf("receive: %v", err)
			return
		}
		id := idOf(m)
		if id <= last {
			t.Errorf("message %d was received after %d in the same session", id, last)
		}
		last = id
		p.count(m)
		if refuses(id) {
			_ = m.Error(errRefused) // of no effect when the session is lost
		} else {
			p.taken <- m
		}
	}
}

// count checks how often a message has come.
func (p *process) count(m geminio.Message) {
	id, t := idOf(m), p.office.t
	p.mu.Lock()
	p.received[id]++
	here := p.received[id]
	p.mu.Unlock()
	p.office.mu.Lock()
	p.office.received[id]++
	all := p.office.received[id]
	p.office.mu.Unlock()
	switch m.Cnss() {
	case options.CnssAtMostOnce:
		if all > 1 {
			t.Errorf("message %d was received %d times", id, all)
		}
	case options.CnssAtEffectiveOnce:
		if here > 1 {
			t.Errorf("message %d was received %d times by one process", id, here)
		}
	default:
		if all > 1 && !m.(geminio.Redelivered).Redelivered() {
			t.Errorf("message %d came again and is not marked", id)
		}
	}
}

// file enters what was taken, as much as there is at a time, and says so.
func (p *process) file() {
	defer p.office.running.Done()
	for m := range p.taken {
		group := []geminio.Message{m}
		for len(p.taken) > 0 {
			if m, ok := <-p.taken; ok {
				group = append(group, m)
			}
		}
		if p.dead.Load() {
			continue
		}
		if err := p.office.ledger.enter(group); err != nil {
			p.office.t.Errorf("ledger: %v", err)
		}
		for _, m := range group {
			if !p.dead.Load() {
				_ = m.Done() // of no effect when the session is lost
			}
		}
	}
}
