// Command client dials a server and takes the files that it pushes, with a
// progress bar. It ends when it has them all; started again before that, it
// goes on with what is there.
package main

import (
	"context"
	"flag"

	"github.com/singchia/geminio/examples/internal/program"
)

func main() {
	var r receiver
	program.Main(program.Command{
		Name: "client",
		About: "Receives the files that the server pushes. It outlives cut connections and a\n" +
			"server that is restarted. If the client itself is ended, start it again: what\n" +
			"is there is compared with the server's file and not sent again.",
		Level: "warn",
		Flags: r.define,
		Run:   func(ctx context.Context, _ []string) error { return r.run(ctx) },
	})
}

func (r *receiver) define(flags *flag.FlagSet) {
	flags.StringVar(&r.addr, "addr", "127.0.0.1:1202", "`address` of the server")
	flags.StringVar(&r.dir, "dir", "received", "`directory` to put the files in; it is made if it is not there, files of the same names in it are replaced")
	flags.BoolVar(&r.wait, "wait", false, "wait for a server that is not there yet")
	r.token.Define(flags, "FILEPUSH_TOKEN", "to show to the server")
	r.tls.Define(flags)
}
