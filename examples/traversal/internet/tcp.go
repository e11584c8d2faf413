package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/examples/traversal/internal/pipe"
)

// ports are those that TCP services may have.
type ports struct {
	host      string
	low, high int // both 0: any
}

func parsePorts(host, text string) (p ports, err error) {
	p.host = host
	if text == "" {
		return p, nil
	}
	low, high, _ := strings.Cut(text, "-")
	p.low, err = strconv.Atoi(low)
	if err == nil {
		p.high, err = strconv.Atoi(high)
	}
	if err != nil || p.low < 1 || p.high > 65535 || p.low > p.high {
		return p, program.Usage("-ports %s: not a range as 20000-20999", text)
	}
	return p, nil
}

// listen opens a port, or any that is free if it is 0.
func (p ports) listen(port int) (net.Listener, error) {
	open := func(port int) (net.Listener, error) {
		return net.Listen("tcp", net.JoinHostPort(p.host, strconv.Itoa(port)))
	}
	if p.high == 0 {
		return open(port)
	}
	if port != 0 {
		if port < p.low || port > p.high {
			return nil, fmt.Errorf("port %d is not in %d-%d", port, p.low, p.high)
		}
		return open(port)
	}
	n := p.high - p.low + 1
	first := rand.IntN(n)
	for i := range n {
		if ln, err := open(p.low + (first+i)%n); err == nil {
			return ln, nil
		}
	}
	return nil, fmt.Errorf("no port is free in %d-%d", p.low, p.high)
}

// openTCP opens a port for the service.
func (s *service) openTCP(p ports) error {
	ln, err := p.listen(s.Port)
	if err != nil {
		return err
	}
	s.public = ln.Addr().String()
	s.close = func() { ln.Close() }
	go func() {
		for {
			user, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil { // out of files, say
				log.Errorf("service %s of %s: %s", s.Name, s.agent, err)
				time.Sleep(100 * time.Millisecond)
				continue
			}
			go s.carry(user)
		}
	}()
	return nil
}

// carry carries the connection of a user, until it ends.
func (s *service) carry(user net.Conn) {
	addr := user.RemoteAddr().String()
	if !s.allows(addr) {
		log.Infof("service %s of %s: %s may not use it", s.Name, s.agent, addr)
		user.Close()
		return
	}
	defer s.begin()()
	stream, err := s.open(addr)
	if err != nil {
		log.Warnf("service %s of %s: %s", s.Name, s.agent, err)
		_ = user.SetDeadline(time.Now().Add(time.Second))
		pipe.Refuse(user)
		return
	}
	if err := s.pipes.Join(s.counted(user), stream); err != nil {
		log.Debugf("service %s of %s, user %s: %s", s.Name, s.agent, addr, err)
	}
}

// allows tells whether the service may be used from addr, an IP address with a
// port.
func (s *service) allows(addr string) bool {
	ap, err := netip.ParseAddrPort(addr)
	return err == nil && s.Allows(ap.Addr())
}
