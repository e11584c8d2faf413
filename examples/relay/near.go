package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/jumboframes/armorigo/rproxy"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/options"
)

// near listens for users, and takes them to the targets of far.
type near struct {
	far    string
	locals named
	token  program.Token
	tls    program.ClientTLS
	wait   bool
}

func nearCommand() program.Command {
	var n near
	return program.Command{
		Name:  "near",
		About: "Listens for users and takes them to the targets of far. It prints where.",
		Level: "warn",
		Flags: n.define,
		Run:   func(ctx context.Context, _ []string) error { return n.run(ctx) },
	}
}

func (n *near) define(flags *flag.FlagSet) {
	flags.StringVar(&n.far, "far", "127.0.0.1:1202", "`address` of relay far")
	flags.Var(&n.locals, "local", "`NAME=ADDRESS`: users who connect to the address get to far's target of that name; may be given many times")
	flags.BoolVar(&n.wait, "wait", false, "go on trying if the first connection fails, whatever the reason; users wait meanwhile")
	n.token.Define(flags, "RELAY_TOKEN", "to show to far")
	n.tls.Define(flags)
}

// run runs until ctx ends.
func (n *near) run(ctx context.Context) error {
	if len(n.locals) == 0 {
		return program.Usage("no -local")
	}
	token, err := n.token.Value()
	if err != nil {
		return err
	}
	dial, err := n.tls.Dialer(ctx, n.far)
	if err != nil {
		return err
	}
	lns, err := listenAll(n.locals)
	if err != nil {
		return err
	}
	defer closeAll(lns)
	opts := client.NewEndOptions()
	opts.SetMeta([]byte(token))
	opts.SetDelegate(cuts{})
	if n.wait {
		opts.SetLazyDial()
	}
	end, err := program.Connect(ctx, dial, opts)
	if ctx.Err() != nil {
		if err == nil {
			end.Close()
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("far: %w", err)
	}
	defer end.Close()

	var (
		sides sides
		wg    sync.WaitGroup
	)
	for i, ln := range lns {
		proxy, err := rproxy.NewRProxy(&users{Listener: ln, sides: &sides, to: n.locals[i]},
			rproxy.OptionRProxyDial(func(dst net.Addr, _ any) (net.Conn, error) {
				return open(end, dst.(target), &sides)
			}),
			rproxy.OptionRProxyQuitOn(net.ErrClosed),
			rproxy.OptionRProxyWaitOnErr(100*time.Millisecond),
		)
		if err != nil {
			return err
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			proxy.Proxy(ctx)
		}()
		fmt.Printf("%s on %s\n", n.locals[i].name, ln.Addr())
	}
	wg.Wait()
	sides.wait()
	return nil
}

// open opens a stream to a target, whose name is the stream's meta.
func open(end geminio.End, to target, sides *sides) (net.Conn, error) {
	opts := options.OpenStream()
	opts.SetMeta([]byte(to.name))
	stream, err := end.OpenStream(opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", to.name, err)
	}
	return sides.stream(stream, target{}), nil
}

// cuts logs what happens to the control connection.
type cuts struct {
	*delegate.UnimplementedDelegate
}

func (cuts) ConnSuspended(delegate.ConnDescriber) { log.Warn("far: connection lost, dialing again") }
func (cuts) ConnResumed(delegate.ConnDescriber)   { log.Warn("far: connected again, nothing lost") }
func (cuts) EndReOnline(delegate.ClientDescriber) {
	log.Warn("far: connected again, users' connections were lost")
}

// users is a listener of users for rproxy.
type users struct {
	net.Listener
	sides *sides
	to    target
}

// Accept returns net.ErrClosed as it is, since rproxy compares.
func (u *users) Accept() (net.Conn, error) {
	conn, err := u.Listener.Accept()
	if errors.Is(err, net.ErrClosed) {
		return nil, net.ErrClosed
	}
	if err != nil {
		return nil, err
	}
	return u.sides.tcp(conn, u.to), nil
}

func listenAll(locals named) ([]net.Listener, error) {
	var lns []net.Listener
	for _, local := range locals {
		ln, err := net.Listen("tcp", local.addr)
		if err != nil {
			closeAll(lns)
			return nil, fmt.Errorf("%s: %w", local.name, err)
		}
		lns = append(lns, ln)
	}
	return lns, nil
}

func closeAll(lns []net.Listener) {
	for _, ln := range lns {
		_ = ln.Close()
	}
}
