// Command comments names the exported identifiers of packages that have no
// comment, and fails if there are any.
//
//	comments directory ...
//
// An identifier is commented by what stands above it or behind it on its line;
// constants and variables also by what stands above their group. Embedded
// fields and interfaces say what they are by themselves.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fail("usage: comments directory ...")
	}
	var bare []string
	for _, dir := range os.Args[1:] {
		found, err := uncommented(dir)
		if err != nil {
			fail("comments: %v", err)
		}
		bare = append(bare, found...)
	}
	for _, line := range bare {
		fmt.Fprintln(os.Stderr, line)
	}
	if len(bare) > 0 {
		fail("%d exported identifiers without a comment", len(bare))
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}
