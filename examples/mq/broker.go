package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/singchia/geminio/examples/internal/program"
	"github.com/singchia/geminio/examples/mq/internal/broker"
)

// service is what the flags of the broker say.
type service struct {
	addr  string
	tls   program.ServerTLS
	token program.Token
	cfg   broker.Config
}

func brokerCommand() program.Command {
	var s service
	return program.Command{
		Name:  "broker",
		Level: "warn",
		About: "Takes messages from producers, keeps them on disk and gives them to consumers.\nIt prints the address it listens on.",
		Flags: s.define,
		Run:   s.run,
	}
}

func (s *service) define(flags *flag.FlagSet) {
	flags.StringVar(&s.addr, "addr", "127.0.0.1:1203", "`address` to listen on; port 0 takes a free one")
	s.tls.Define(flags)
	s.token.Define(flags, tokenVariable, "that clients must show; if there is none, everybody may connect")
	flags.StringVar(&s.cfg.File, "file", "mq.db", "`file` that everything is stored in")
	flags.Int64Var(&s.cfg.MaxTopic, "max-topic", 1<<30, "`bytes` of messages that a topic keeps, each counting 64 more; then its producers wait for its slowest group")
	flags.IntVar(&s.cfg.MaxMessage, "max-message", 1<<20, "`bytes` that a message may have, at most 4 MiB")
	flags.DurationVar(&s.cfg.AckTimeout, "ack-timeout", 30*time.Second, "how long a consumer may hold messages without answering one before others get them")
	flags.DurationVar(&s.cfg.RetryDelay, "retry-delay", time.Second, "how long a message stays away that a consumer refused")
	flags.IntVar(&s.cfg.Tries, "tries", 0, "how often consumers of a group may refuse a message before it is moved to the topic TOPIC.GROUP.dead; 0: as often as they like")
	flags.DurationVar(&s.cfg.Grace, "grace", 30*time.Second, "how long a client that lost its connection may stay away before its messages go to others")
}

func (s *service) run(ctx context.Context, _ []string) error {
	switch cfg := &s.cfg; {
	case cfg.MaxTopic <= 0 || cfg.MaxMessage <= 0 || cfg.MaxMessage > maxLine:
		return program.Usage("-max-topic and -max-message must be more than 0, -max-message at most 4 MiB")
	case cfg.AckTimeout <= 0 || cfg.RetryDelay < 0 || cfg.Grace < 0 || cfg.Tries < 0:
		return program.Usage("-ack-timeout must be more than 0, -retry-delay, -grace and -tries not less")
	}
	var err error
	if s.cfg.Token, err = s.token.Value(); err != nil {
		return err
	}
	ln, err := s.tls.Listen(s.addr)
	if err != nil {
		return err
	}
	b, err := broker.Open(s.cfg)
	if err != nil {
		ln.Close()
		return err
	}
	fmt.Println("listening on", ln.Addr())

	closed := make(chan error, 1)
	context.AfterFunc(ctx, func() { closed <- b.Close() })
	if err := b.Serve(ln); err != nil {
		b.Close()
		return err
	}
	return <-closed
}
