// Package process tests what becomes of sessions when processes are killed or
// stopped. Each test runs one side itself and starts the test binary again as
// the other one.
package process

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// What a child is told in its environment.
const (
	envRole = "GEMINIO_TEST_ROLE" // a key of roles
	envAddr = "GEMINIO_TEST_ADDR" // what the server is to listen on, or where the client finds it
)

// roles are what a child can be. What one prints on its standard output, a
// line for each thing that happened, is for the test.
var roles = map[string]func(addr string) error{"server": runServer, "client": runClient}

func TestMain(m *testing.M) {
	role, ok := roles[os.Getenv(envRole)]
	if !ok {
		goleak.VerifyTestMain(m)
		return
	}
	go endWithTheTest()
	if err := role(os.Getenv(envAddr)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// endWithTheTest ends this child when the test that holds its standard input
// has gone, however that happened.
func endWithTheTest() {
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(1)
}

// patience is how long something may take that has no limit of its own, on a
// machine that is busy.
const patience = 20 * time.Second

// outage is how long a process that was killed is away.
const outage = time.Second

// kills is how many times a process is killed.
func kills() int {
	if soak() {
		return 20
	}
	return 3
}

func soak() bool { return os.Getenv("GEMINIO_SOAK") != "" }
