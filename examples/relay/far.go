package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/jumboframes/armorigo/rproxy"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/server"
)

// far listens for near, and dials the targets that its streams name.
type far struct {
	addr    string
	targets named
	token   program.Token
	tls     program.ServerTLS
}

func farCommand() program.Command {
	var f far
	return program.Command{
		Name:  "far",
		About: "Listens for near and dials the targets that it names. It prints where it listens.",
		Level: "warn",
		Flags: f.define,
		Run:   func(ctx context.Context, _ []string) error { return f.run(ctx) },
	}
}

func (f *far) define(flags *flag.FlagSet) {
	flags.StringVar(&f.addr, "addr", "127.0.0.1:1202", "`address` to listen on for relay near; port 0 takes a free one")
	flags.Var(&f.targets, "target", "`NAME=ADDRESS` that may be dialed for near, and nothing else is; may be given many times")
	f.token.Define(flags, "RELAY_TOKEN", "that near must show; if there is none, everybody may connect")
	f.tls.Define(flags)
}

// run runs until ctx ends.
func (f *far) run(ctx context.Context) error {
	if len(f.targets) == 0 {
		return program.Usage("no -target")
	}
	token, err := f.token.Value()
	if err != nil {
		return err
	}
	ln, err := f.tls.Listen(f.addr)
	if err != nil {
		return err
	}
	opts := server.NewEndOptions()
	opts.SetDelegate(&guard{token: []byte(token), targets: f.targets})
	ends, err := server.NewListener(ln, opts)
	if err != nil {
		return err
	}
	defer ends.Close()
	context.AfterFunc(ctx, func() { ends.Close() })
	fmt.Println("listening on", ends.Addr())

	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		end, err := ends.AcceptEnd()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			serve(ctx, end, f.targets)
		}()
	}
}

// serve takes the streams of one near to their targets until that has gone.
func serve(ctx context.Context, end geminio.End, targets named) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var sides sides
	dial := func(dst net.Addr, _ any) (net.Conn, error) {
		conn, err := net.DialTimeout(dst.Network(), dst.String(), 10*time.Second)
		if err != nil {
			return nil, err
		}
		return sides.tcp(conn, target{}), nil
	}
	proxy, err := rproxy.NewRProxy(&streams{End: end, sides: &sides, targets: targets},
		rproxy.OptionRProxyDial(dial), rproxy.OptionRProxyQuitOn(io.EOF))
	if err != nil {
		end.Close()
		return
	}
	proxy.Proxy(ctx)
}

// streams is a listener of the streams of an End for rproxy.
type streams struct {
	geminio.End
	sides   *sides
	targets named
}

// Accept returns io.EOF, for which rproxy quits, when the End has ended. The guard has seen to it that
// the target is there.
func (s *streams) Accept() (net.Conn, error) {
	stream, err := s.AcceptStream()
	if err != nil {
		return nil, io.EOF
	}
	to, _ := s.targets.find(string(stream.Meta()))
	return s.sides.stream(stream, to), nil
}

// Close closes the End when near knows which streams were cut off.
func (s *streams) Close() error {
	s.sides.wait()
	return s.End.Close()
}

// guard decides who may use which targets.
type guard struct {
	*delegate.UnimplementedDelegate
	token   []byte
	targets named
}

// GetClientID judges the token. Ids mean nothing here: each session gets a new
// one.
func (g *guard) GetClientID(_ uint64, meta []byte) (uint64, error) {
	if subtle.ConstantTimeCompare(meta, g.token) != 1 {
		return 0, errors.New("wrong token")
	}
	return 0, nil
}

// DialogueOnline refuses streams to other targets.
func (g *guard) DialogueOnline(d delegate.DialogueDescriber) error {
	if _, ok := g.targets.find(string(d.Meta())); !ok {
		return fmt.Errorf("no target %q", d.Meta())
	}
	return nil
}
