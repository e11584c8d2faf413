// Package program is what the commands of this example have in common: how
// they begin and end, and TLS.
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
	"strings"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/jumboframes/armorigo/sigaction"
)

// ErrInterrupted is returned by what a signal has ended early.
var ErrInterrupted = errors.New("interrupted")

// Options are the flags that every command has.
type Options struct {
	Pprof, Log string
}

// Define defines the flags.
func (o *Options) Define() {
	flag.StringVar(&o.Pprof, "pprof", "", "`address` to serve profiles on, under /debug/pprof/; empty: off")
	flag.StringVar(&o.Log, "log", "warn", "least `level` that is logged on standard error: trace, debug, info, warn, error")
}

// Usage ends the program for flags that do not add up, as the flag package
// does for those that it does not know.
func Usage(format string, args ...any) {
	fmt.Fprintf(flag.CommandLine.Output(), format+"\n", args...)
	flag.Usage()
	os.Exit(2)
}

// Main runs run with a context that SIGINT and SIGTERM end, and ends the
// program: with 1 for an error, which it prints behind name. A second signal
// ends the program at once.
func (o *Options) Main(name string, run func(context.Context) error) {
	level, err := log.ParseLevel(o.Log)
	if err != nil {
		Usage("-log %s: %v", o.Log, err)
	}
	log.SetLevel(level)
	log.SetOutput(os.Stderr) // standard output is for what happens here

	ctx, cancel := context.WithCancel(context.Background())
	go sigaction.NewSignal(sigaction.OptionSignalCancel(cancel)).Wait(context.Background())
	err = o.profiles()
	if err == nil {
		err = run(ctx)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// profiles serves the profiles, if that is wanted.
func (o *Options) profiles() error {
	if o.Pprof == "" {
		return nil
	}
	ln, err := net.Listen("tcp", o.Pprof)
	if err != nil {
		return fmt.Errorf("-pprof: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { log.Errorf("pprof: %v", srv.Serve(ln)) }()
	fmt.Fprintf(os.Stderr, "profiles on http://%s/debug/pprof/\n", ln.Addr())
	return nil
}

// Token returns what the file holds that the flag -token-file names: nothing
// if it names none.
func Token(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("-token-file: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return nil, fmt.Errorf("-token-file: %s is empty", file)
	}
	return []byte(token), nil
}

// Bytes is a number of bytes as people write it.
func Bytes(n int64) string {
	units := []string{"kB", "MB", "GB", "TB"}
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/1000, 0
	for v >= 1000 && i < len(units)-1 {
		v /= 1000
		i++
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}
