// Command server keeps the rooms of a chat. It prints the address it listens
// on and runs until it is interrupted.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"

	"github.com/jumboframes/armorigo/log"

	"github.com/singchia/geminio/examples/chatroom/internal/chat"
	"github.com/singchia/geminio/examples/chatroom/internal/program"
	"github.com/singchia/geminio/server"
)

type config struct {
	addr, cert, key, token string
	history                string
	keep                   int
	pprof                  string
}

func main() {
	var cfg config
	flag.StringVar(&cfg.addr, "addr", "127.0.0.1:1202", "`address` to listen on; port 0 takes a free one")
	flag.StringVar(&cfg.cert, "cert", "", "`file` with the TLS certificate, PEM; with -key, clients must use -tls")
	flag.StringVar(&cfg.key, "key", "", "`file` with the TLS key, PEM")
	flag.StringVar(&cfg.token, "token", "", "`token` that clients must give; empty takes $CHATROOM_TOKEN, and without that everybody is let in")
	flag.IntVar(&cfg.keep, "keep", 100, "how many messages of each room newcomers see, 0 to "+fmt.Sprint(chat.MaxKeep))
	flag.StringVar(&cfg.history, "history", "", "`file` in which the messages outlive the server; empty keeps them in memory alone")
	flag.StringVar(&cfg.pprof, "pprof", "", "`address` of a page with profiles (net/http/pprof); empty for none")
	verbose := flag.Bool("v", false, "log what the library does too")
	flag.Parse()
	if cfg.token == "" {
		cfg.token = os.Getenv("CHATROOM_TOKEN")
	}
	log.SetOutput(os.Stderr) // standard output is for the address
	if *verbose {
		log.SetLevel(log.LevelDebug)
	}
	program.Main("chatroom server", func(ctx context.Context) error { return serve(ctx, cfg) })
}

// serve listens until ctx ends, then tells the clients and returns.
func serve(ctx context.Context, cfg config) error {
	if cfg.keep < 0 || cfg.keep > chat.MaxKeep {
		return program.UsageError{Err: fmt.Errorf("-keep %d: 0 to %d, please", cfg.keep, chat.MaxKeep)}
	}
	ln, err := listen(cfg)
	if err != nil {
		return err
	}
	defer ln.Close()
	if err := program.ServePprof(cfg.pprof); err != nil {
		return err
	}
	kept, err := openHistory(cfg.history, cfg.keep)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	defer kept.close()

	h := newHub(kept)
	opts := server.NewEndOptions()
	opts.SetDelegate(&watcher{hub: h, token: cfg.token})
	ends, err := server.NewListener(ln, opts)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { ends.Close() })
	fmt.Println("listening on", ends.Addr())
	for {
		end, err := ends.AcceptEnd()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil {
			return err
		}
		m := newMember(h, end)
		h.serving.Add(1)
		go func() {
			defer h.serving.Done()
			m.serve()
		}()
	}
	h.shutdown()
	return nil
}

func listen(cfg config) (net.Listener, error) {
	if (cfg.cert == "") != (cfg.key == "") {
		return nil, program.UsageError{Err: errors.New("-cert and -key go together")}
	}
	if cfg.cert == "" {
		return net.Listen("tcp", cfg.addr)
	}
	pair, err := tls.LoadX509KeyPair(cfg.cert, cfg.key)
	if err != nil {
		return nil, err
	}
	return tls.Listen("tcp", cfg.addr, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
}
