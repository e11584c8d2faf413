// Package program is what the programs of this example have in common.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/jumboframes/armorigo/sigaction"
)

// UsageError is an error in the command line: the program ends with 2.
type UsageError struct{ Err error }

// Error returns the text of Err.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e UsageError) Unwrap() error { return e.Err }

// Main runs run, whose ctx ends with SIGINT and SIGTERM, and ends the program:
// with 0, with 2 after a UsageError, with 1 after any other, which it prints.
// The flags must have been parsed.
func Main(name string, run func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := sigaction.NewSignal(sigaction.OptionSignalCancel(cancel))
	go signals.Wait(context.Background())

	var err error
	if flag.NArg() > 0 {
		err = UsageError{fmt.Errorf("unexpected argument %q; -h lists the flags", flag.Arg(0))}
	} else {
		err = run(ctx)
	}
	cancel()
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	if usage := (UsageError{}); errors.As(err, &usage) {
		os.Exit(2)
	}
	os.Exit(1)
}

// ServePprof serves profiles on address until the process ends; on none if
// address is empty.
func ServePprof(address string) error {
	if address == "" {
		return nil
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("pprof: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	log.Infof("pprof on http://%s/debug/pprof/", ln.Addr())
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { log.Errorf("pprof: %v", srv.Serve(ln)) }()
	return nil
}
