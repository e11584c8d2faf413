// Command server pushes files to each client that dials in. It prints the
// address it listens on, then what happens, and runs until it is interrupted.
package main

import (
	"context"
	"flag"

	"github.com/singchia/geminio/examples/internal/program"
)

func main() {
	var s service
	program.Main(program.Command{
		Name: "server",
		About: "Pushes the files to each client that dials in. A client that has a part of a\n" +
			"file gets the rest, as long as the part is still one of the file.",
		Args:  "FILE...",
		Level: "warn",
		Flags: s.define,
		Run: func(ctx context.Context, files []string) error {
			s.files = files
			return s.run(ctx)
		},
	})
}

func (s *service) define(flags *flag.FlagSet) {
	flags.StringVar(&s.addr, "addr", "127.0.0.1:1202", "`address` to listen on; port 0 takes a free one")
	flags.Float64Var(&s.limit, "limit", 0, "most `megabytes` per second to each client; 0: no limit")
	s.token.Define(flags, "FILEPUSH_TOKEN", "that clients must show; if there is none, everybody may connect")
	s.tls.Define(flags)
}
