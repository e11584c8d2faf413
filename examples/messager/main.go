// Command messager is two programs that talk: `messager listen` waits for
// others, `messager dial` connects to it. What is typed on either side is
// published to the other, under a topic; the other answers each message with
// Done or Error, and the outcome of each is printed where it was typed.
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
  messager listen [options]
  messager dial [options]

Each line that is typed is published: TOPIC TEXT, or TEXT alone under the -topic.
With -manual, what is received is answered by typing /done N or /error N WHY.
messager listen -h and messager dial -h tell of all options.
`

var (
	// errUsage is an error in the command line, which has been told.
	errUsage = errors.New("usage")
	// errNotAll says that the outcomes printed are not all good.
	errNotAll = errors.New("not every message was acknowledged")
)

func main() {
	err := run(os.Args[1:])
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "messager:", err)
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
	case "listen":
		command = listen
	case "dial":
		command = dial
	case "-h", "-help", "--help", "help":
		fmt.Print(usage)
		return nil
	default:
		fmt.Fprintf(os.Stderr, "messager: no command %q\n%s", args[0], usage)
		return errUsage
	}
	go sigaction.NewSignal(sigaction.OptionSignalCancel(cancel)).Wait(ctx)
	return command(ctx, args[1:])
}
