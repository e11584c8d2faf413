// Command relay carries TCP connections over one control connection. Users
// connect to local ports of `relay near`, which takes each connection, as a
// stream of one End, to `relay far`, and that dials the target behind the
// port. The control connection may be cut: it comes back, and the users'
// connections go on where they were.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/jumboframes/armorigo/sigaction"
)

const usage = `usage:
  relay far  -addr ADDRESS -target NAME=ADDRESS [-target ...]
  relay near -far ADDRESS -local NAME=ADDRESS [-local ...]

far listens for near and dials the targets that it names; near listens for users.
relay far -h and relay near -h tell of all options.
`

// errUsage is an error in the command line, which has been told.
var errUsage = errors.New("usage")

func main() {
	err := run(os.Args[1:])
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return errUsage
	}
	var command func(context.Context, []string) error
	switch args[0] {
	case "near":
		command = near
	case "far":
		command = far
	case "-h", "-help", "--help", "help":
		fmt.Print(usage)
		return nil
	default:
		fmt.Fprintf(os.Stderr, "relay: no command %q\n%s", args[0], usage)
		return errUsage
	}
	go sigaction.NewSignal(sigaction.OptionSignalCancel(cancel)).Wait(ctx)
	return command(ctx, args[1:])
}
