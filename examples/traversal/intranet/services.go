package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/singchia/geminio/examples/traversal/internal/offer"
)

// services are what this agent offers, in the order of the flags.
type services []service

type service struct {
	offer.Service
	to string // where it is reached from here
}

func (s services) offered() (all []offer.Service) {
	for _, one := range s {
		all = append(all, one.Service)
	}
	return all
}

// flag returns what adds the services of a flag.
func (s *services) flag(kind string) func(string) error {
	return func(text string) error {
		one, err := parseService(kind, text)
		if err == nil {
			*s = append(*s, one)
		}
		return err
	}
}

// parseService parses "ssh,to=127.0.0.1:22,port=2222,allow=10.0.0.0/8".
func parseService(kind, text string) (s service, err error) {
	fields := strings.Split(text, ",")
	s.Kind, s.Name = kind, fields[0]
	if err := offer.CheckName(s.Name); err != nil {
		return s, err
	}
	for _, field := range fields[1:] {
		key, value, _ := strings.Cut(field, "=")
		switch {
		case key == "to":
			s.to = value
			_, _, err = net.SplitHostPort(value)
		case key == "port" && kind == offer.TCP:
			s.Port, err = strconv.Atoi(value)
		case key == "allow":
			var prefix netip.Prefix
			prefix, err = parsePrefix(value)
			s.Allow = append(s.Allow, prefix)
		default:
			err = errors.New("unknown")
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", field, err)
		}
	}
	if s.to == "" {
		return s, errors.New("to=host:port is missing")
	}
	return s, nil
}

// parsePrefix parses a CIDR, or an address, which stands for itself alone.
func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Unmap().WithZone("").Prefix(addr.Unmap().BitLen())
	}
	return netip.ParsePrefix(text)
}
