package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/jumboframes/armorigo/log"
	"github.com/jumboframes/armorigo/sigaction"
)

// Command is a program, or one of the commands of a program. Besides its own
// flags it has -log and -pprof.
type Command struct {
	// Name is what is typed to run it, "server" or "near".
	Name string
	// About says in a sentence or more what it does, in lines of 80 columns.
	About string
	// Args names the arguments that follow the flags, as "FILE..."; if empty,
	// there must be none.
	Args string
	// Level is the least level that is logged unless -log says otherwise; if
	// empty, info. Logs go to standard error.
	Level string
	// Flags defines the flags; it may be nil.
	Flags func(*flag.FlagSet)
	// Run runs until it is done, or until ctx ends, which SIGINT and SIGTERM
	// have happen; a second signal ends the process at once.
	Run func(ctx context.Context, args []string) error
}

// Main runs the command with the arguments of the process, and ends it: with 0,
// with 2 after an error of Usage or one in the flags, and with 1 after any
// other. Errors go to standard error, as one line behind the name, and help
// goes to standard output.
func Main(c Command) {
	os.Exit(c.execute(c.Name, os.Args[1:], os.Stdout, os.Stderr))
}

// MainOf does the same for a program of several commands: the first argument
// says which is run.
func MainOf(name, about string, commands ...Command) {
	os.Exit(choose(name, about, commands, os.Args[1:], os.Stdout, os.Stderr))
}

// usageError is an error in what was typed.
type usageError struct{ error }

// Usage returns an error in the flags or in the arguments.
func Usage(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// execute returns the code to exit with.
func (c Command) execute(name string, args []string, stdout, stderr io.Writer) int {
	err := c.run(name, args, stdout, stderr)
	if err == nil {
		return 0
	}
	if errors.As(err, new(usageError)) {
		fmt.Fprintf(stderr, "%s: %s; %s -h lists the flags\n", name, line(err), name)
		return 2
	}
	fmt.Fprintf(stderr, "%s: %s\n", name, line(err))
	return 1
}

// line returns what err says as one line. The words may be a stranger's, and
// commands to a terminal are none.
func line(err error) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, err.Error())
}

// run parses args, does what the common flags say and runs the command.
func (c Command) run(name string, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are printed by execute, help below
	if c.Flags != nil {
		c.Flags(flags)
	}
	level := flags.String("log", c.level(), "least `level` that is logged on standard error: trace, debug, info, warn or error")
	pprof := flags.String("pprof", "", "`address` to serve profiles on, under /debug/pprof/; if empty, none")

	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "Usage: %s\n\n%s\n\n", strings.TrimSpace(name+" [flags] "+c.Args), c.About)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return nil
	case err != nil:
		return usageError{err}
	case flags.NArg() > 0 && c.Args == "":
		return Usage("unexpected argument %q", flags.Arg(0))
	}
	least, err := log.ParseLevel(*level)
	if err != nil {
		return Usage("-log: no level %q", *level)
	}
	log.SetLevel(least)
	log.SetOutput(stderr)

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	// It waits for signals until the process ends: ended with ctx, it would
	// log that.
	go sigaction.NewSignal(sigaction.OptionSignalCancel(cancel)).Wait(context.Background())
	if *pprof != "" {
		addr, err := Serve(ctx, *pprof, profiles())
		if err != nil {
			return fmt.Errorf("-pprof: %w", err)
		}
		fmt.Fprintf(stderr, "profiles on http://%s/debug/pprof/\n", addr)
	}
	return c.Run(ctx, flags.Args())
}

func (c Command) level() string {
	if c.Level == "" {
		return "info"
	}
	return c.Level
}

// choose runs the command that args name, and returns the code to exit with.
func choose(name, about string, commands []Command, args []string, stdout, stderr io.Writer) int {
	asked := ""
	if len(args) > 0 {
		asked = args[0]
	}
	for _, c := range commands {
		if c.Name == asked {
			return c.execute(name+" "+c.Name, args[1:], stdout, stderr)
		}
	}
	switch asked {
	case "-h", "-help", "--help", "help":
		list(stdout, name, about, commands)
		return 0
	case "":
		list(stderr, name, about, commands)
	default:
		fmt.Fprintf(stderr, "%s: no command %q; %s -h lists them\n", name, asked, name)
	}
	return 2
}

// list writes which commands there are.
func list(w io.Writer, name, about string, commands []Command) {
	fmt.Fprintf(w, "Usage: %s COMMAND [flags]\n\n%s\n\n", name, about)
	width := 0
	for _, c := range commands {
		width = max(width, len(c.Name))
	}
	for _, c := range commands {
		first, _, _ := strings.Cut(c.About, "\n")
		fmt.Fprintf(w, "  %-*s  %s\n", width, c.Name, first)
	}
	fmt.Fprintf(w, "\n%s COMMAND -h lists the flags of a command.\n", name)
}
