// Command client dials a server and takes the files that it pushes, with a
// progress bar. It ends when it has them all; started again before that, it
// goes on with what is there.
package main

import (
	"flag"
	"fmt"

	"github.com/singchia/geminio/examples/filepush/internal/program"
)

func main() {
	var (
		r      receiver
		common program.Options
	)
	flag.StringVar(&r.addr, "addr", "127.0.0.1:1202", "`address` of the server")
	flag.StringVar(&r.dir, "dir", "received", "`directory` to put the files in; it is made if it is not there, files of the same names in it are replaced")
	flag.BoolVar(&r.wait, "wait", false, "wait for a server that is not there yet")
	flag.StringVar(&r.tokenFile, "token-file", "", "`file` with the token to show to the server")
	r.tls.Define()
	common.Define()
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Usage: client [flags]\n\n",
			"Receives the files that the server pushes. It outlives cut connections and a\n",
			"server that is restarted. If the client itself is ended, start it again: what\n",
			"is there is compared with the server's file and not sent again.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		program.Usage("unexpected argument %s", flag.Arg(0))
	}
	common.Main("client", r.run)
}
