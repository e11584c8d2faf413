// Package program is what the examples that are programs for every day have in
// common: commands and their flags, signals, logs, profiles, TLS and secrets.
//
//	func main() {
//		var s service
//		program.Main(program.Command{
//			Name:  "server",
//			About: "Serves what is asked for.",
//			Flags: s.define,
//			Run:   s.run,
//		})
//	}
package program
