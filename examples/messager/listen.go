package main

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"flag"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/server"
)

// listen waits for others, and publishes to all that are there. It runs until
// it is interrupted.
func listen(ctx context.Context, args []string) error {
	var (
		c     common
		fs    = flag.NewFlagSet("messager listen", flag.ContinueOnError)
		addr  = fs.String("addr", "127.0.0.1:1202", "`address` to listen on; port 0 takes a free one")
		cert  = fs.String("cert", "", "PEM `file` of the certificate, turns TLS on")
		key   = fs.String("key", "", "PEM `file` of the certificate's key")
		grace = fs.Duration("grace", 30*time.Second, "how `long` the session of a lost connection waits for it to come back")
	)
	c.define(fs)
	stop, err := c.parse(fs, args, func() error {
		if (*cert == "") != (*key == "") {
			return errors.New("-cert and -key go together")
		}
		if *grace < 0 || *grace > 24*time.Hour {
			return errors.New("-grace: between 0 and 24h")
		}
		return nil
	})
	if err != nil {
		return err
	}
	defer stop()

	opts := server.NewEndOptions()
	opts.SetDelegate(&door{token: []byte(c.token)})
	opts.SetResumeGrace(*grace)
	ln, err := listener(*addr, *cert, *key, opts)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, func() { ln.Close() })
	t := newTalk(&c, os.Stdout)
	t.say("listening on %v", ln.Addr())

	var (
		here present
		wg   sync.WaitGroup
	)
	wg.Add(1)
	go func() {
		defer wg.Done()
		t.obey(ctx, typed(ctx, os.Stdin), here.all)
	}()
	for err == nil {
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
			end.Close()
			here.remove(end)
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

func listener(addr, cert, key string, opts *server.EndOptions) (server.Listener, error) {
	if cert == "" {
		return server.Listen("tcp", addr, opts)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	ln, err := tls.Listen("tcp", addr, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil, err
	}
	return server.NewListener(ln, opts)
}

// door decides who may come in.
type door struct {
	*delegate.UnimplementedDelegate
	token []byte
}

// GetClientID judges the token, and grants the id that is asked for: one that
// dial had in an earlier session, by which its messages are recognised.
func (d *door) GetClientID(wanted uint64, meta []byte) (uint64, error) {
	if subtle.ConstantTimeCompare(meta, d.token) != 1 {
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
