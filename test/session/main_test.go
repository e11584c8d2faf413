// Package session tests from outside, as a program would use it, that a
// session survives its connection, and what is told when it does not.
package session

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// soaks tells whether there is time for the large figures.
func soaks() bool { return os.Getenv("GEMINIO_SOAK") != "" }
