package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"strings"
	"time"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio/options"
)

// common are the options that both commands share.
type common struct {
	topic, delivery, refuse string
	manual                  bool
	timeout                 time.Duration
	token                   string
	pprof, level            string
}

func (c *common) define(fs *flag.FlagSet) {
	fs.StringVar(&c.topic, "topic", "", "`topic` of all that is typed; empty: the first word of each line is its topic")
	fs.StringVar(&c.delivery, "delivery", "least", "how messages are delivered: `most` (at most once, nobody acknowledges), least (at least once) or effectively (once)")
	fs.DurationVar(&c.timeout, "timeout", 0, "how `long` an outcome is waited for; 0: as long as it takes")
	fs.StringVar(&c.refuse, "refuse", "", "`topics`, separated by commas, whose messages are answered with Error")
	fs.BoolVar(&c.manual, "manual", false, "answer what is received by typing /done N or /error N WHY, instead of Done at once")
	fs.StringVar(&c.token, "token", "", "`secret` that dial must show to listen, also taken from the environment's MESSAGER_TOKEN; empty: none")
	fs.StringVar(&c.pprof, "pprof", "", "`address` to serve profiles on; empty: off")
	fs.StringVar(&c.level, "log", "error", "least `level` to log: debug, info, warn or error")
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
	_, known := deliveries[c.delivery]
	switch {
	case err != nil:
		err = fmt.Errorf("-log: no level %q", c.level)
	case !known:
		err = fmt.Errorf("-delivery: not %q, but most, least or effectively", c.delivery)
	case c.timeout < 0:
		err = fmt.Errorf("-timeout: %v is negative", c.timeout)
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
	log.SetOutput(os.Stderr) // standard output is for the talk
	log.SetLevel(level)
	if c.token == "" {
		c.token = os.Getenv("MESSAGER_TOKEN")
	}
	return profiles(c.pprof)
}

var deliveries = map[string]options.Cnss{
	"most":        options.CnssAtMostOnce,
	"least":       options.CnssAtLeastOnce,
	"effectively": options.CnssAtEffectiveOnce,
}

// refuses tells whether messages of topic are answered with Error.
func (c *common) refuses(topic string) bool {
	for _, refused := range strings.Split(c.refuse, ",") {
		if refused != "" && refused == topic {
			return true
		}
	}
	return false
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
