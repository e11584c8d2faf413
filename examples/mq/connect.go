package main

import (
	"context"
	"flag"
	"math/rand/v2"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/examples/internal/program"
)

// tokenVariable is where the secret is looked for that no flag says.
const tokenVariable = "MQ_TOKEN"

// remote are the flags of everybody who connects to a broker.
type remote struct {
	addr  string
	tls   program.ClientTLS
	token program.Token
}

func (r *remote) define(flags *flag.FlagSet) {
	flags.StringVar(&r.addr, "addr", "127.0.0.1:1203", "`address` of the broker")
	r.tls.Define(flags)
	r.token.Define(flags, tokenVariable, "to show to the broker")
}

// connect returns an End that comes back by itself when its connection, or the
// broker, is lost. That it never was there is an error.
func (r *remote) connect(ctx context.Context) (geminio.End, error) {
	token, err := r.token.Value()
	if err != nil {
		return nil, err
	}
	dial, err := r.tls.Dialer(ctx, r.addr)
	if err != nil {
		return nil, err
	}
	opts := client.NewEndOptions()
	opts.SetMeta([]byte(token))
	opts.SetClientID(rand.Uint64()>>1 + 1) // the same for all sessions of this process
	return program.Connect(ctx, dial, opts)
}
