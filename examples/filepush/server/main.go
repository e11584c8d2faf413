// Command server pushes files to each client that dials in. It prints the
// address it listens on, then what happens, and runs until it is interrupted.
package main

import (
	"flag"
	"fmt"

	"github.com/singchia/geminio/examples/filepush/internal/program"
)

func main() {
	var (
		s      service
		common program.Options
	)
	flag.StringVar(&s.addr, "addr", "127.0.0.1:1202", "`address` to listen on; port 0 takes a free one")
	flag.Float64Var(&s.limit, "limit", 0, "most `megabytes` per second to each client; 0: no limit")
	flag.StringVar(&s.tokenFile, "token-file", "", "`file` with the token that clients must show; empty: everybody may connect")
	s.tls.Define()
	common.Define()
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Usage: server [flags] FILE...\n\n",
			"Pushes the files to each client that dials in. A client that has a part of a\n",
			"file gets the rest, as long as the part is still one of the file.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	s.files = flag.Args()
	if len(s.files) == 0 {
		program.Usage("no file to push")
	}
	if s.limit < 0 {
		program.Usage("-limit must not be less than 0")
	}
	s.tls.Check()
	common.Main("server", s.run)
}
