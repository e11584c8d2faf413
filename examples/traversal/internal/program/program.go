// Package program is what both programs of the tunnel do alike: flags, signals,
// logs, profiles, certificates.
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

// ErrUsage is wrapped by what is wrong with the flags: the program exits with
// 2, and with 1 for all other errors.
var ErrUsage = errors.New("see -h")

// Usage returns an error that wraps ErrUsage.
func Usage(format string, args ...any) error {
	return fmt.Errorf("%s (%w)", fmt.Sprintf(format, args...), ErrUsage)
}

// Main parses the flags and runs run until it returns, having its context end
// with SIGINT and SIGTERM. Logs and errors go to standard error.
func Main(name string, run func(ctx context.Context) error) {
	level := flag.String("log", "info", "log `level`: trace, debug, info, warn or error")
	profiles := flag.String("pprof", "", "`address` to serve profiles on, under /debug/pprof/; empty is off")
	flag.Parse()
	log.SetOutput(os.Stderr) // standard output is for addresses

	err := func() error {
		if flag.NArg() > 0 {
			return Usage("what is %q?", flag.Arg(0))
		}
		parsed, err := log.ParseLevel(*level)
		if err != nil {
			return Usage("-log %s: %v", *level, err)
		}
		log.SetLevel(parsed)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go sigaction.NewSignal(sigaction.OptionSignalCancel(cancel)).Wait(ctx)
		if *profiles != "" {
			addr, err := Serve(ctx, *profiles, profileHandler())
			if err != nil {
				return err
			}
			fmt.Printf("profiles on http://%s/debug/pprof/\n", addr)
		}
		return run(ctx)
	}()
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	if errors.Is(err, ErrUsage) {
		os.Exit(2)
	}
	os.Exit(1)
}

// Serve serves HTTP on an address until ctx ends. It returns the address that
// it listens on.
func Serve(ctx context.Context, addr string, handler http.Handler) (net.Addr, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	context.AfterFunc(ctx, func() { srv.Close() })
	go func() {
		if err := srv.Serve(ln); ctx.Err() == nil {
			log.Errorf("HTTP on %s: %s", ln.Addr(), err)
		}
	}()
	return ln.Addr(), nil
}

func profileHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
