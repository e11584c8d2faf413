package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/examples/traversal/internal/offer"
	"github.com/singchia/geminio/examples/traversal/internal/pipe"
)

// agent carries the streams that the server opens to the services. It is the
// delegate of its End: a service is dialled before its stream is agreed to, so
// that the server learns at once if it is down.
type agent struct {
	*delegate.UnimplementedDelegate

	name     string
	services services
	again    chan struct{} // has room for one: there is a new session
	pipes    pipe.Group

	mu     sync.Mutex          // guards what follows
	dialed map[string]net.Conn // connections to services, by key, whose streams come next
}

func newAgent(name string, services services) *agent {
	return &agent{name: name, services: services, again: make(chan struct{}, 1), dialed: make(map[string]net.Conn)}
}

// run connects, offers the services and carries until ctx ends.
func (a *agent) run(ctx context.Context, dial client.Dialer, token string, wait bool) error {
	opts := client.NewEndOptions()
	opts.SetMeta(offer.Encode(offer.Hello{Agent: a.name, Token: token, Instance: rand.Text()}))
	opts.SetDelegate(a)
	opts.SetWaitRemoteRPCs(offer.Method)
	if wait {
		opts.SetLazyDial()
	}
	end, err := program.Connect(ctx, dial, opts)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer end.Close()
	defer a.pipes.Close()
	go a.accept(end)

	for offered := false; ; {
		err := a.offer(ctx, end)
		var refused *geminio.RemoteError
		if !offered && errors.As(err, &refused) && ctx.Err() == nil {
			return fmt.Errorf("refused: %w", err)
		}
		var later <-chan time.Time
		if err == nil {
			offered = true
		} else if ctx.Err() == nil {
			log.Warnf("services could not be offered: %s", err)
			later = time.After(5 * time.Second)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.again:
		case <-later:
		}
	}
}

// offer offers the services, and prints where users reach them.
func (a *agent) offer(ctx context.Context, end geminio.End) error {
	rsp, err := end.Call(ctx, offer.Method, end.NewRequest(offer.Encode(a.services.offered())))
	if err != nil {
		return err
	}
	var public []string
	if err := json.Unmarshal(rsp.Data(), &public); err != nil || len(public) != len(a.services) {
		return fmt.Errorf("the server answered %q", rsp.Data())
	}
	for i, s := range a.services {
		fmt.Printf("%s %s on %s, to %s\n", s.Kind, s.Name, public[i], s.to)
	}
	return nil
}

// EndReOnline has the services offered again: a new session knows of none.
func (a *agent) EndReOnline(delegate.ClientDescriber) {
	select {
	case a.again <- struct{}{}:
	default:
	}
}

// ConnSuspended tells that the connection was lost.
func (a *agent) ConnSuspended(delegate.ConnDescriber) { log.Info("connection lost, users wait") }

// ConnResumed tells that another connection goes on where it was lost.
func (a *agent) ConnResumed(delegate.ConnDescriber) { log.Info("connected again, users go on") }

// DialogueOnline dials the service that the stream is for. Its error refuses
// the stream.
func (a *agent) DialogueOnline(d delegate.DialogueDescriber) error {
	var meta offer.Stream
	if err := json.Unmarshal(d.Meta(), &meta); err != nil {
		return err
	}
	for _, s := range a.services {
		if s.Name != meta.Service {
			continue
		}
		conn, err := net.DialTimeout("tcp", s.to, 10*time.Second)
		if err != nil {
			log.Warnf("service %s: %s", s.Name, err)
			return err
		}
		log.Debugf("service %s: user %s", s.Name, meta.User)
		a.mu.Lock()
		a.dialed[meta.Key] = conn
		a.mu.Unlock()
		return nil
	}
	return fmt.Errorf("no service %q here", meta.Service)
}

// DialogueOffline drops what was dialled for a stream that was lost before it
// was accepted.
func (a *agent) DialogueOffline(d delegate.DialogueDescriber) error {
	if conn := a.take(d.Meta()); conn != nil {
		conn.Close()
	}
	return nil
}

// take returns the connection that was dialled for the stream of this meta, nil
// if it was taken already.
func (a *agent) take(meta []byte) net.Conn {
	var stream offer.Stream
	if json.Unmarshal(meta, &stream) != nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	conn := a.dialed[stream.Key]
	delete(a.dialed, stream.Key)
	return conn
}

// accept carries all streams until the End is closed.
func (a *agent) accept(end geminio.End) {
	for {
		stream, err := end.AcceptStream()
		if err != nil {
			return
		}
		conn := a.take(stream.Meta())
		if conn == nil {
			stream.Close() // it was lost meanwhile
			continue
		}
		go func() {
			if err := a.pipes.Join(conn, pipe.Stream{Stream: stream}); err != nil {
				log.Debugf("stream %d: %s", stream.StreamID(), err)
			}
		}()
	}
}
