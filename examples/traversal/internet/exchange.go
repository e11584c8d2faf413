package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/examples/traversal/internal/offer"
	"github.com/singchia/geminio/examples/traversal/internal/pipe"
)

var (
	errHello    = errors.New("not an agent of this tunnel")
	errReplaced = errors.New("another agent of this name has taken the place of this one")
)

// exchange knows the agents that are there. It is the delegate of the server:
// it says who they are, and is told when they come and go.
type exchange struct {
	*delegate.UnimplementedDelegate

	creds   credentials
	ports   ports
	web     *web // nil if HTTP is not served; set before the first agent comes
	started time.Time
	pipes   pipe.Group // to TCP users

	mu     sync.Mutex // guards what follows
	names  map[string]*name
	agents map[uint64]*agent // by client id
}

// name is an agent over all its connections and processes.
type name struct {
	id       uint64   // its client id: whoever has it takes the place of who had it
	replaced []string // the last processes whose place was taken
}

func newExchange(creds credentials, ports ports) *exchange {
	return &exchange{
		creds: creds, ports: ports, started: time.Now(),
		names: make(map[string]*name), agents: make(map[uint64]*agent),
	}
}

func parseHello(meta []byte) (offer.Hello, error) {
	var hello offer.Hello
	if json.Unmarshal(meta, &hello) != nil || offer.CheckName(hello.Agent) != nil || len(hello.Instance) > 64 {
		return hello, errHello
	}
	return hello, nil
}

// Authenticate has the certificate, where one is asked for, be that of the
// agent. Tokens are left to GetClientID.
func (x *exchange) Authenticate(_ context.Context, info delegate.AuthInfo) (string, error) {
	if !x.creds.certificates {
		return "", nil
	}
	hello, err := parseHello(info.Meta)
	if err != nil {
		return "", err
	}
	if info.TLS == nil || len(info.TLS.VerifiedChains) == 0 {
		return "", errRefused
	}
	if err := x.creds.checkCertificate(hello, info.TLS.PeerCertificates[0]); err != nil {
		log.Warnf("agent %s from %s refused: %s", hello.Agent, info.RemoteAddr, err)
		return "", err
	}
	return hello.Agent, nil
}

// GetClientID judges the token, and gives every agent one id for good: so one
// that was restarted takes the place of what is left of it. One that was
// replaced while it ran does not take its place back, or two of the same name
// would do that to each other for ever.
func (x *exchange) GetClientID(_ uint64, meta []byte) (uint64, error) {
	hello, err := parseHello(meta)
	if err != nil {
		return 0, err
	}
	if err := x.creds.checkToken(hello); err != nil {
		log.Warnf("agent %s refused: %s", hello.Agent, err)
		return 0, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.names[hello.Agent]
	if n == nil {
		n = &name{id: uint64(len(x.names)) + 1}
		x.names[hello.Agent] = n
	}
	if a := x.agents[n.id]; a != nil && a.instance != hello.Instance {
		if slices.Contains(n.replaced, hello.Instance) {
			return 0, errReplaced
		}
		n.replaced = append(n.replaced[max(0, len(n.replaced)-7):], a.instance)
	}
	return n.id, nil
}

// ConnOnline tells that an agent is there. The one before is gone by then.
func (x *exchange) ConnOnline(d delegate.ConnDescriber) error {
	hello, err := parseHello(d.Meta())
	if err != nil {
		return err
	}
	a := &agent{exchange: x, name: hello.Agent, instance: hello.Instance, since: time.Now()}
	a.connected, a.remote = true, d.RemoteAddr().String()
	x.mu.Lock()
	x.agents[d.ClientID()] = a
	x.mu.Unlock()
	log.Infof("agent %s is there, from %s", a.name, a.remote)
	return nil
}

// ConnOffline tells that an agent is gone for good.
func (x *exchange) ConnOffline(d delegate.ConnDescriber) error {
	x.mu.Lock()
	a := x.agents[d.ClientID()]
	delete(x.agents, d.ClientID())
	x.mu.Unlock()
	if a != nil {
		a.close()
		log.Infof("agent %s is gone", a.name)
	}
	return nil
}

// ConnSuspended tells that an agent has lost its connection.
func (x *exchange) ConnSuspended(d delegate.ConnDescriber) {
	if a := x.agent(d.ClientID()); a != nil {
		a.suspended()
		log.Infof("agent %s has lost its connection, its users wait", a.name)
	}
}

// ConnResumed tells that an agent has come back.
func (x *exchange) ConnResumed(d delegate.ConnDescriber) {
	if a := x.agent(d.ClientID()); a != nil {
		remote := d.RemoteAddr().String()
		a.resumed(remote)
		log.Infof("agent %s is back, from %s", a.name, remote)
	}
}

func (x *exchange) agent(id uint64) *agent {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.agents[id]
}

// attach lets the agent at the other side of end offer its services.
func (x *exchange) attach(ctx context.Context, end geminio.End) {
	a := x.agent(end.ClientID())
	if a == nil {
		end.Close() // gone already
		return
	}
	a.mu.Lock()
	a.end = end
	a.mu.Unlock()
	err := end.Register(ctx, offer.Method, func(_ context.Context, req geminio.Request, rsp geminio.Response) {
		var services []offer.Service
		if err := json.Unmarshal(req.Data(), &services); err != nil {
			rsp.SetError(errHello)
			return
		}
		public, err := a.offer(end, services)
		if err != nil {
			log.Warnf("agent %s: %s", a.name, err)
			rsp.SetError(err)
			return
		}
		rsp.SetData(offer.Encode(public))
	})
	if err != nil {
		log.Warnf("agent %s: %s", a.name, fmt.Errorf("register: %w", err))
		end.Close()
	}
}

// close ends all users and agents.
func (x *exchange) close() {
	x.pipes.Close()
	x.mu.Lock()
	var ends []geminio.End
	for _, a := range x.agents {
		a.mu.Lock()
		if a.end != nil {
			ends = append(ends, a.end)
		}
		a.mu.Unlock()
	}
	x.mu.Unlock()
	var closing sync.WaitGroup
	for _, end := range ends {
		closing.Add(1)
		go func() {
			defer closing.Done()
			end.Close()
		}()
	}
	closing.Wait()
}
