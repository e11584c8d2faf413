package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"flag"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/server"
)

// listen is what the flags of listen say.
type listen struct {
	common
	addr  string
	tls   program.ServerTLS
	grace time.Duration
}

func listenCommand() program.Command {
	var l listen
	return program.Command{
		Name:  "listen",
		About: "Waits for others, and publishes what is typed to all that are there.\nIt runs until it is interrupted.",
		Level: "error",
		Flags: l.define,
		Run:   l.run,
	}
}

func (l *listen) define(flags *flag.FlagSet) {
	flags.StringVar(&l.addr, "addr", "127.0.0.1:1202", "`address` to listen on; port 0 takes a free one")
	flags.DurationVar(&l.grace, "grace", 30*time.Second, "how `long` the session of a lost connection waits for it to come back")
	l.tls.Define(flags)
	l.common.define(flags)
}

func (l *listen) run(ctx context.Context, _ []string) error {
	if err := l.check(); err != nil {
		return err
	}
	if l.grace < 0 || l.grace > 24*time.Hour {
		return program.Usage("-grace: between 0 and 24h")
	}
	token, err := l.token.Value()
	if err != nil {
		return err
	}
	opts := server.NewEndOptions()
	opts.SetDelegate(&door{token: []byte(token)})
	opts.SetResumeGrace(l.grace)
	accepting, err := l.tls.Listen(l.addr)
	if err != nil {
		return err
	}
	ln, err := server.NewListener(accepting, opts)
	if err != nil {
		accepting.Close()
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, func() { ln.Close() })
	t := newTalk(&l.common, os.Stdout)
	t.say("listening on %v", ln.Addr())

	var (
		here present
		wg   sync.WaitGroup
	)
	wg.Add(1)
	go func() {
		defer wg.Done()
		t.obey(ctx, t.typed(ctx, os.Stdin), here.all)
	}()
	for {
		var end geminio.End
		if end, err = ln.AcceptEnd(); err != nil {
			break
		}
		here.add(end)
		t.say("%d is here", end.ClientID())
		wg.Add(1)
		go func() {
			defer wg.Done()
			t.in.receive(ctx, end)
			here.remove(end)
			end.Close()
			t.say("%d has gone", end.ClientID())
		}()
	}
	cancel()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	wg.Wait()
	t.out.wg.Wait() // all Ends are closed, so every message has an outcome
	return err
}

// door decides who may come in.
type door struct {
	*delegate.UnimplementedDelegate
	token []byte
}

// GetClientID judges the token, and grants the id that is asked for: one that
// dial had in an earlier session, by which its messages are recognised.
func (d *door) GetClientID(wanted uint64, meta []byte) (uint64, error) {
	if len(d.token) > 0 && subtle.ConstantTimeCompare(meta, d.token) != 1 {
		return 0, errors.New("wrong token")
	}
	return wanted, nil
}

// present are the Ends that are connected, in the order in which they came.
type present struct {
	mu   sync.Mutex // guards ends
	ends []geminio.End
}

func (p *present) add(end geminio.End) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ends = append(p.ends, end)
}

func (p *present) remove(end geminio.End) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ends = slices.DeleteFunc(p.ends, func(e geminio.End) bool { return e == end })
}

func (p *present) all() []geminio.End {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.ends)
}
