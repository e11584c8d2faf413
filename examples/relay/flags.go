package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"strings"

	"github.com/jumboframes/armorigo/log"
)

// common are the options that near and far share.
type common struct {
	token, pprof, level string
}

func (c *common) define(fs *flag.FlagSet) {
	fs.StringVar(&c.token, "token", "", "`secret` that near must show to far, also taken from the environment's RELAY_TOKEN; empty: none")
	fs.StringVar(&c.pprof, "pprof", "", "`address` to serve profiles on; empty: off")
	fs.StringVar(&c.level, "log", "warn", "least `level` to log: debug, info, warn or error")
}

// parse parses args, tells what is wrong with them, and does what the common
// options say. What it returns stops the profiles.
func (c *common) parse(fs *flag.FlagSet, args []string, check func() error) (stop func(), err error) {
	if err := fs.Parse(args); err == flag.ErrHelp {
		return nil, err
	} else if err != nil {
		return nil, errUsage
	}
	level, err := log.ParseLevel(c.level)
	switch {
	case err != nil:
		err = fmt.Errorf("-log: no level %q", c.level)
	case fs.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	default:
		err = check()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", fs.Name(), err)
		fs.Usage()
		return nil, errUsage
	}
	log.SetOutput(os.Stderr) // standard output is for the addresses
	log.SetLevel(level)
	if c.token == "" {
		c.token = os.Getenv("RELAY_TOKEN")
	}
	return profiles(c.pprof)
}

// profiles serves net/http/pprof on addr, if that is not empty.
func profiles(addr string) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("-pprof: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	srv := &http.Server{Handler: mux}
	go func() { _ = srv.Serve(ln) }()
	fmt.Printf("profiles on http://%s/debug/pprof/\n", ln.Addr())
	return func() { _ = srv.Close() }, nil
}

// named are pairs NAME=ADDRESS of a flag that may be given more than once.
type named []target

func (n *named) String() string { return "" }

func (n *named) Set(s string) error {
	name, addr, _ := strings.Cut(s, "=")
	if name == "" {
		return fmt.Errorf("not NAME=ADDRESS")
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
