package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/examples/traversal/internal/offer"
	"github.com/singchia/geminio/examples/traversal/internal/pipe"
	"github.com/singchia/geminio/examples/traversal/internal/status"
	"github.com/singchia/geminio/options"
)

// agent is an agent that is there, or that lost its connection and may be back.
type agent struct {
	exchange       *exchange
	name, instance string
	since          time.Time

	mu        sync.Mutex // guards what follows
	end       geminio.End
	connected bool
	remote    string
	services  []*service
	gone      bool
}

// service is a service of an agent that users can reach.
type service struct {
	offer.Service
	agent  string
	end    geminio.End
	pipes  *pipe.Group
	public string
	close  func() // no more users

	active, total atomic.Int64 // connections of TCP users, requests of HTTP users
	in, out       atomic.Int64 // bytes from users, to users
}

// offer opens the services to users, in place of those that were offered
// before. It opens all or none.
func (a *agent) offer(end geminio.End, offered []offer.Service) (public []string, err error) {
	if err := offer.Check(offered); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return nil, net.ErrClosed
	}
	a.withdraw()
	for _, o := range offered {
		s := &service{Service: o, agent: a.name, end: end, pipes: &a.exchange.pipes}
		switch {
		case o.Kind == offer.TCP:
			err = s.openTCP(a.exchange.ports)
		case a.exchange.web == nil:
			err = errors.New("HTTP is not served here")
		default:
			a.exchange.web.open(s)
		}
		if err != nil {
			a.withdraw()
			return nil, fmt.Errorf("service %s: %w", o.Name, err)
		}
		a.services = append(a.services, s)
		public = append(public, s.public)
	}
	log.Infof("agent %s offers %s", a.name, strings.Join(public, ", "))
	return public, nil
}

// withdraw closes the services; a.mu is held.
func (a *agent) withdraw() {
	for _, s := range a.services {
		s.close()
	}
	a.services = nil
}

func (a *agent) suspended() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.connected = false
}

func (a *agent) resumed(remote string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.connected, a.remote = true, remote
}

func (a *agent) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = true
	a.withdraw()
}

// open opens a stream to the service; the error is the agent's if it cannot
// reach it. While the agent has no connection it waits for 30 s.
func (s *service) open(user string) (net.Conn, error) {
	opts := options.OpenStream()
	opts.SetMeta(offer.Encode(offer.Stream{Service: s.Name, User: user, Key: rand.Text()}))
	stream, err := s.end.OpenStream(opts)
	if err != nil {
		return nil, err
	}
	return pipe.Stream{Stream: stream}, nil
}

// counted returns c, a connection to a user, so that its bytes are counted.
func (s *service) counted(c net.Conn) pipe.Counted {
	return pipe.Counted{Conn: c, Received: &s.in, Sent: &s.out}
}

// begin counts a user, and returns what to do at his end.
func (s *service) begin() (end func()) {
	s.total.Add(1)
	s.active.Add(1)
	return func() { s.active.Add(-1) }
}

// snapshot is what the status page shows.
func (x *exchange) snapshot() status.Snapshot {
	snap := status.Snapshot{Started: x.started}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, a := range x.agents {
		a.mu.Lock()
		shown := status.Agent{Name: a.name, Remote: a.remote, Since: a.since, Connected: a.connected}
		for _, s := range a.services {
			shown.Services = append(shown.Services, status.Service{
				Name: s.Name, Kind: s.Kind, Public: s.public,
				Active: s.active.Load(), Total: s.total.Load(), BytesIn: s.in.Load(), BytesOut: s.out.Load(),
			})
		}
		a.mu.Unlock()
		snap.Agents = append(snap.Agents, shown)
	}
	slices.SortFunc(snap.Agents, func(a, b status.Agent) int { return strings.Compare(a.Name, b.Name) })
	return snap
}
