// Package offer is what the two sides of the tunnel tell each other: who an
// agent is, which services it offers, and which of them a stream is for.
package offer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
)

// Method is what an agent calls to offer its services: the request is a list
// of Service, the response a list of the public addresses, in the same order.
const Method = "offer"

// MaxServices is how many services one agent may offer.
const MaxServices = 256

// Hello is the meta of an agent's connection.
type Hello struct {
	Agent    string `json:"agent"`
	Token    string `json:"token,omitempty"`
	Instance string `json:"instance"` // another one for each process
}

// The kinds of service.
const (
	TCP  = "tcp"  // a port of its own
	HTTP = "http" // a host name on the one port for HTTP
)

// Service is a service that an agent offers.
type Service struct {
	Name  string         `json:"name"`
	Kind  string         `json:"kind"`
	Port  int            `json:"port,omitempty"`  // TCP: the public port, 0 for any
	Allow []netip.Prefix `json:"allow,omitempty"` // who may use it; nobody named: everybody
}

// Stream is the meta of a stream: one connection of a user.
type Stream struct {
	Service string `json:"service"`
	User    string `json:"user,omitempty"` // its address; empty where users share streams
	Key     string `json:"key"`            // another one for each stream there ever was
}

// label is what a name must be, so that it can be part of a host name.
var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// CheckName returns an error for what cannot be the name of an agent or of a
// service.
func CheckName(name string) error {
	if !label.MatchString(name) {
		return fmt.Errorf("%q is no name: up to 63 of a-z, 0-9 and -, no - at either end", name)
	}
	return nil
}

// Check returns an error for services that cannot be offered together.
func Check(services []Service) error {
	if len(services) == 0 {
		return errors.New("no service is offered")
	}
	if len(services) > MaxServices {
		return fmt.Errorf("%d services are offered, %d are allowed", len(services), MaxServices)
	}
	seen := make(map[string]bool)
	for _, s := range services {
		if err := CheckName(s.Name); err != nil {
			return err
		}
		if seen[s.Name] {
			return fmt.Errorf("service %s is offered twice", s.Name)
		}
		seen[s.Name] = true
		if s.Kind != TCP && s.Kind != HTTP {
			return fmt.Errorf("service %s is of the unknown kind %q", s.Name, s.Kind)
		}
		if s.Port < 0 || s.Port > 65535 {
			return fmt.Errorf("service %s asks for port %d", s.Name, s.Port)
		}
	}
	return nil
}

// Allows tells whether the service may be used from addr.
func (s *Service) Allows(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return len(s.Allow) == 0 || slices.ContainsFunc(s.Allow, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// Encode returns v, one of the types of this package, as it is sent.
func Encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and valid prefixes alone
	}
	return data
}
