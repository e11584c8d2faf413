package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/examples/filepush/internal/push"
	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/server"
)

// minLimit is the least limit, MB/s.
const minLimit = 0.001

// service is the server with its flags.
type service struct {
	addr  string
	limit float64 // MB/s, 0: none
	files []string
	token program.Token
	tls   program.ServerTLS

	sources []*source
	clients atomic.Int64 // that have connected
}

// run serves clients until ctx ends, and returns when the last push has ended.
func (s *service) run(ctx context.Context) error {
	if len(s.files) == 0 {
		return program.Usage("no file to push")
	}
	if !(s.limit == 0 || s.limit >= minLimit) {
		return program.Usage("-limit %v: 0 or at least %v", s.limit, minLimit)
	}
	var err error
	if s.sources, err = openSources(s.files); err != nil {
		return err
	}
	token, err := s.token.Value()
	if err != nil {
		return err
	}
	opts := server.NewEndOptions()
	opts.SetWaitRemoteRPCs(push.MethodOffer)
	opts.SetDelegate(&gate{token: []byte(token)})
	raw, err := s.tls.Listen(s.addr)
	if err != nil {
		return err
	}
	ln, err := server.NewListener(raw, opts)
	if err != nil {
		raw.Close()
		return err
	}
	defer ln.Close()
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	fmt.Println("listening on", ln.Addr())

	var pushes sync.WaitGroup
	defer pushes.Wait()
	for {
		end, err := ln.AcceptEnd()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		pushes.Add(1)
		go func() {
			defer pushes.Done()
			s.serve(ctx, end)
		}()
	}
}

// serve pushes everything to one client.
func (s *service) serve(ctx context.Context, end geminio.End) {
	defer end.Close()
	defer context.AfterFunc(ctx, func() { end.Close() })()
	p := &pusher{number: s.clients.Add(1), end: end, limit: s.limit}
	p.say("connected from %v", end.RemoteAddr())
	if err := p.pushAll(ctx, s.sources); err != nil {
		p.say("%v", err)
		return
	}
	p.say("has everything")
}

// gate lets in those who show the token. Nobody needs an id that stays.
type gate struct {
	delegate.UnimplementedDelegate
	token []byte
}

// GetClientID refuses a client without the token.
func (g *gate) GetClientID(_ uint64, meta []byte) (uint64, error) {
	if len(g.token) > 0 && subtle.ConstantTimeCompare(g.token, meta) != 1 {
		return 0, errors.New("wrong token")
	}
	return 0, nil
}
