// Package session tests from outside, as a program would use it, that a
// session survives its connection, and what is told when it does not.
package session

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain has all tests that allow it run at once: they wait for the clock
// more than they compute.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "10"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// soaks tells whether there is time for the large figures.
func soaks() bool { return os.Getenv("GEMINIO_SOAK") != "" }
