package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// named are pairs NAME=ADDRESS of a flag that may be given more than once.
type named []target

func (n *named) String() string { return "" }

// Set adds a pair.
func (n *named) Set(s string) error {
	name, addr, _ := strings.Cut(s, "=")
	if name == "" {
		return errors.New("not NAME=ADDRESS")
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return err
	}
	if _, ok := n.find(name); ok {
		return fmt.Errorf("%s is there already", name)
	}
	*n = append(*n, target{name: name, addr: addr})
	return nil
}

func (n named) find(name string) (target, bool) {
	for _, t := range n {
		if t.name == name {
			return t, true
		}
	}
	return target{}, false
}

// target is where users want to get: the address that their connections have
// for rproxy.
type target struct{ name, addr string }

func (t target) Network() string { return "tcp" }
func (t target) String() string  { return t.addr }
