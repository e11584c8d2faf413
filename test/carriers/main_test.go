// Package carriers tests what bulk and calls beside it get of carriers with
// delay, with jitter and with a narrow band.
package carriers

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
