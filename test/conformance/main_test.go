package conformance

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

// nettestCount is how often each combination is run; make soak raises it.
var nettestCount = flag.Int("nettest.count", envCount(), "how often nettest.TestConn is run per combination")

func envCount() int {
	if n, err := strconv.Atoi(os.Getenv("GEMINIO_NETTEST_COUNT")); err == nil {
		return n
	}
	return 2
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
