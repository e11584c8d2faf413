// Command mq is a small message queue: a broker that keeps topics on disk, and
// producers and consumers that talk to it over geminio.
//
//	mq broker -file mq.db
//	mq producer -topic orders < lines
//	mq consumer -topic orders -group billing
//	mq status
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	_ "net/http/pprof" // for -pprof
	"os"

	"github.com/jumboframes/armorigo/log"
	"github.com/jumboframes/armorigo/sigaction"
)

// command is one of the programs. It defines its flags, and runs until ctx ends.
type command struct {
	name, about string
	run         func(ctx context.Context, flags *flag.FlagSet, args []string) error
}

var commands = []command{
	{"broker", "keep topics, take messages from producers and give them to consumers", runBroker},
	{"producer", "publish the lines of standard input, or measure (-bench)", runProducer},
	{"consumer", "print the messages of a topic as a member of a group", runConsumer},
	{"status", "print the topics of a broker and their groups", runStatus},
}

// errUsage is returned for flags that make no sense, after saying so.
var errUsage = errors.New("usage")

func main() {
	log.SetOutput(os.Stderr) // standard output is for what the programs are about
	if len(os.Args) > 1 {
		for _, c := range commands {
			if c.name == os.Args[1] {
				os.Exit(execute(c, os.Args[2:]))
			}
		}
	}
	help := len(os.Args) == 2 && (os.Args[1] == "-h" || os.Args[1] == "--help" || os.Args[1] == "help")
	fmt.Fprintln(os.Stderr, "Usage: mq COMMAND [flags]; mq COMMAND -h explains the flags.")
	for _, c := range commands {
		fmt.Fprintf(os.Stderr, "  %-9s %s\n", c.name, c.about)
	}
	if !help {
		os.Exit(2)
	}
}

// execute runs a command until it ends or a signal ends it, and returns the
// exit code.
func execute(c command, args []string) int {
	flags := flag.NewFlagSet("mq "+c.name, flag.ContinueOnError)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go sigaction.NewSignal(sigaction.OptionSignalCancel(cancel)).Wait(ctx)

	err := c.run(ctx, flags, args)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintf(os.Stderr, "mq %s: %s\n", c.name, err)
	return 1
}

// common are the flags of every command.
type common struct {
	flags        *flag.FlagSet
	token, pprof string
	level        string
}

func (c *common) define(flags *flag.FlagSet, level string) {
	c.flags = flags
	flags.StringVar(&c.token, "token", os.Getenv("MQ_TOKEN"), "the `secret` that clients must have; if empty, none (default $MQ_TOKEN)")
	flags.StringVar(&c.pprof, "pprof", "", "`address` for net/http/pprof; if empty, off")
	flags.StringVar(&c.level, "log", level, "least `level` to log: debug, info, warn or error")
}

// parse parses args, which must be flags alone, and does what the common flags
// say.
func (c *common) parse(args []string) error {
	if err := c.flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // flag has said what is wrong
	}
	if c.flags.NArg() > 0 {
		return c.usage("unexpected argument %q", c.flags.Arg(0))
	}
	level, err := log.ParseLevel(c.level)
	if err != nil {
		return c.usage("-log: no level %q", c.level)
	}
	log.SetLevel(level)
	if c.pprof != "" {
		go func() {
			err := http.ListenAndServe(c.pprof, nil)
			fmt.Fprintln(os.Stderr, "mq: pprof:", err)
		}()
	}
	return nil
}

// usage says what is wrong with the flags.
func (c *common) usage(format string, args ...any) error {
	fmt.Fprintf(os.Stderr, "%s: %s\n", c.flags.Name(), fmt.Sprintf(format, args...))
	return errUsage
}
