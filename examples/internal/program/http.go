package program

import (
	"context"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/jumboframes/armorigo/log"
)

// Serve serves HTTP on a TCP address until ctx ends. It returns the address
// that it listens on, and does not wait.
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

// profiles serves what net/http/pprof has, and nothing else.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
