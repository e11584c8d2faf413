// Command server keeps the rooms of a chat. It prints the address it listens
// on and runs until it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"strconv"

	"github.com/singchia/geminio/examples/chatroom/internal/chat"
	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/server"
)

// service is the server with its flags.
type service struct {
	addr, history string
	keep          int
	token         program.Token
	tls           program.ServerTLS
}

func main() {
	var s service
	program.Main(program.Command{
		Name: "server",
		About: "Keeps the rooms of a chat, and what was said in them. It prints the address it\n" +
			"listens on.",
		Flags: s.define,
		Run:   func(ctx context.Context, _ []string) error { return s.run(ctx) },
	})
}

func (s *service) define(flags *flag.FlagSet) {
	flags.StringVar(&s.addr, "addr", "127.0.0.1:1202", "`address` to listen on; port 0 takes a free one")
	flags.IntVar(&s.keep, "keep", 100, "how many `messages` of each room newcomers see, 0 to "+strconv.Itoa(chat.MaxKeep))
	flags.StringVar(&s.history, "history", "", "`file` in which the messages outlive the server, of this server alone; if empty, they are in memory")
	s.token.Define(flags, "CHATROOM_TOKEN", "that clients must give; if there is none, everybody is let in")
	s.tls.Define(flags)
}

// run listens until ctx ends, then tells the clients and returns.
func (s *service) run(ctx context.Context) error {
	if s.keep < 0 || s.keep > chat.MaxKeep {
		return program.Usage("-keep %d: 0 to %d, please", s.keep, chat.MaxKeep)
	}
	token, err := s.token.Value()
	if err != nil {
		return err
	}
	ln, err := s.tls.Listen(s.addr)
	if err != nil {
		return err
	}
	defer ln.Close()
	kept, err := openHistory(s.history, s.keep)
	if err != nil {
		return fmt.Errorf("-history: %w", err)
	}
	defer kept.close()

	h := newHub(kept)
	opts := server.NewEndOptions()
	opts.SetDelegate(&watcher{hub: h, token: token})
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
