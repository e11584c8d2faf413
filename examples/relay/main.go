// Command relay carries TCP connections over one control connection. Users
// connect to local ports of `relay near`, which takes each connection, as a
// stream of one End, to `relay far`, and that dials the target behind the
// port. The control connection may be cut: it comes back, and the users'
// connections go on where they were.
package main

import "github.com/singchia/geminio/examples/internal/program"

func main() {
	program.MainOf("relay", "A TCP relay over one connection, which may be cut.", farCommand(), nearCommand())
}
