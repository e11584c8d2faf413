package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"sync"
	"sync/atomic"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/examples/internal/program"
)

// errNotAll says that the outcomes printed are not all good.
var errNotAll = errors.New("not every message was acknowledged")

// dial is what the flags of dial say.
type dial struct {
	common
	addr string
	tls  program.ClientTLS
	stay bool
}

func dialCommand() program.Command {
	var d dial
	return program.Command{
		Name: "dial",
		About: "Connects, and comes back whenever the connection is lost.\n" +
			"It ends with the input, when all outcomes are known: with 0 if all are good.",
		Level: "error",
		Flags: d.define,
		Run:   d.run,
	}
}

func (d *dial) define(flags *flag.FlagSet) {
	flags.StringVar(&d.addr, "addr", "127.0.0.1:1202", "`address` of messager listen")
	flags.BoolVar(&d.stay, "stay", false, "go on receiving when the input has ended")
	d.tls.Define(flags)
	d.common.define(flags)
}

func (d *dial) run(ctx context.Context, _ []string) error {
	if err := d.check(); err != nil {
		return err
	}
	token, err := d.token.Value()
	if err != nil {
		return err
	}
	dialer, err := d.tls.Dialer(ctx, d.addr)
	if err != nil {
		return err
	}
	t := newTalk(&d.common, os.Stdout)
	told := &changes{say: t.say}
	opts := client.NewEndOptions()
	opts.SetMeta([]byte(token))
	opts.SetDelegate(told)
	end, err := program.Connect(ctx, dialer, opts)
	if ctx.Err() != nil {
		return nil // there is nothing that an outcome is missing of
	}
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		t.in.receive(ctx, end)
	}()

	ended := t.obey(ctx, t.typed(ctx, os.Stdin), func() []geminio.End { return []geminio.End{end} })
	if ended && d.stay {
		<-ctx.Done()
	}
	t.out.wait(ctx)
	told.closing.Store(true)
	end.Close()
	t.out.wg.Wait() // Close has given an outcome to all that had none
	wg.Wait()
	return t.out.verdict()
}

// changes prints what happens to the connection.
type changes struct {
	*delegate.UnimplementedDelegate
	say     func(format string, args ...any)
	closing atomic.Bool // what happens now was asked for
}

func (c *changes) ConnOnline(d delegate.ConnDescriber) error {
	c.say("connected as %d", d.ClientID())
	return nil
}

func (c *changes) ConnSuspended(delegate.ConnDescriber) { c.say("connection lost, dialing again") }

func (c *changes) ConnResumed(delegate.ConnDescriber) { c.say("connection resumed, nothing lost") }

func (c *changes) ConnOffline(delegate.ConnDescriber) error {
	if !c.closing.Load() {
		c.say("session over")
	}
	return nil
}
