package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"time"

	"github.com/singchia/geminio/examples/mq/internal/broker"
)

// runBroker is the broker. It prints the address it listens on.
func runBroker(ctx context.Context, flags *flag.FlagSet, args []string) error {
	var c common
	var cfg broker.Config
	c.define(flags, "info")
	addr := flags.String("addr", "127.0.0.1:1203", "`address` to listen on; port 0 takes a free one")
	cert := flags.String("cert", "", "PEM `file` of the certificate; if given, clients must use TLS")
	key := flags.String("key", "", "PEM `file` of the certificate's key")
	flags.StringVar(&cfg.File, "file", "mq.db", "`file` that everything is stored in")
	flags.Int64Var(&cfg.MaxTopic, "max-topic", 1<<30, "`bytes` of messages that a topic keeps; then its producers wait for its slowest group")
	flags.IntVar(&cfg.MaxMessage, "max-message", 1<<20, "`bytes` that a message may have, at most 4 MiB")
	flags.DurationVar(&cfg.AckTimeout, "ack-timeout", 30*time.Second, "how long a consumer may hold a message before another one gets it")
	flags.DurationVar(&cfg.RetryDelay, "retry-delay", time.Second, "how long a message stays away that a consumer refused")
	flags.DurationVar(&cfg.Grace, "grace", 30*time.Second, "how long a client that lost its connection may stay away before its messages go to others")
	if err := c.parse(args); err != nil {
		return err
	}
	cfg.Token = c.token
	switch {
	case (*cert == "") != (*key == ""):
		return c.usage("-cert and -key go together")
	case cfg.MaxTopic <= 0 || cfg.MaxMessage <= 0 || cfg.MaxMessage > 4<<20:
		return c.usage("-max-topic and -max-message must be more than 0, -max-message at most 4 MiB")
	case cfg.AckTimeout <= 0 || cfg.RetryDelay < 0 || cfg.Grace < 0:
		return c.usage("-ack-timeout must be more than 0, -retry-delay and -grace not less")
	}

	var config *tls.Config
	if *cert != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			return err
		}
		config = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	bound := ln.Addr()
	if config != nil {
		ln = tls.NewListener(ln, config)
	}
	b, err := broker.Open(cfg)
	if err != nil {
		ln.Close()
		return err
	}
	fmt.Println("listening on", bound)

	closed := make(chan error, 1)
	context.AfterFunc(ctx, func() { closed <- b.Close() })
	if err := b.Serve(ln); err != nil {
		b.Close()
		return err
	}
	return <-closed
}
