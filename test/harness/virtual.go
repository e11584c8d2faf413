//go:build go1.25

package harness

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// Virtual runs f in a bubble of testing/synctest. A channel made in a bubble must not be met in
// another one, so pools are emptied before and after: two collections do that.
func Virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	empty := func() {
		runtime.GC()
		runtime.GC()
	}
	empty()
	defer empty()
	synctest.Test(t, func(t *testing.T) {
		// time stands still once the test has returned: what ends by itself, soon
		// after everything was closed, may do so first
		t.Cleanup(func() { time.Sleep(time.Minute) })
		f(t)
	})
}
