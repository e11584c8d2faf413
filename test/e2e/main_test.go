// Package e2e tests from outside, as a program would use it, what the library
// promises.
package e2e

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
