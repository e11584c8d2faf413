// Command peers measures geminio beside other libraries.
//
//	go run . list
//	go run . compare -rounds 5 -d 1s -o results.json
//	go run . goals
//	go run . run -peer geminio -workload RPC/64B/serial -d 1s
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `
	peers list      what there is to measure, and the versions
	peers compare   all peers, in interleaved rounds, into a file of results
	peers goals     geminio beside what it is to reach, met or missed
	peers run       one workload over one peer, in this process

Each takes -h.
`

// commands are what the first argument names.
var commands = map[string]func(ctx context.Context, args []string, out io.Writer) error{
	"list":    listCommand,
	"compare": compareCommand,
	"goals":   goalsCommand,
	"run":     runCommand,
}

// errNoCommand is the error of who has to be told the commands.
var errNoCommand = errors.New("no command")

// errMissed ends a command that has said what is wrong.
var errMissed = errors.New("missed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := dispatch(ctx, os.Args[1:], os.Stdout)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errMissed):
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "peers:", err)
		if errors.Is(err, errNoCommand) {
			fmt.Fprint(os.Stderr, usage)
		}
		os.Exit(2)
	}
}

func dispatch(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errNoCommand
	}
	command, ok := commands[args[0]]
	if !ok {
		return fmt.Errorf("%w %q", errNoCommand, args[0])
	}
	return command(ctx, args[1:], out)
}
