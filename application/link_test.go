package application

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestConnSuspendedAndConnResumedAreCalledInOrderOneAtATime(t *testing.T) {
	calls, release := make(chan string, 100), make(chan struct{})
	p := play(t, func(c *Config) {
		c.ConnSuspended = func() { <-release; calls <- "suspended" }
		c.ConnResumed = func() { calls <- "resumed" }
		c.ConnOffline = func() { calls <- "offline" }
	})
	for range 3 {
		p.e.Suspended()
		p.e.Resumed()
	}
	p.e.Suspended()
	none(t, calls)
	p.lose()
	close(release)
	for range 3 {
		assert.Equal(t, "suspended", get(t, calls))
		assert.Equal(t, "resumed", get(t, calls))
	}
	assert.Equal(t, "suspended", get(t, calls))
	assert.Equal(t, "offline", get(t, calls))
	p.e.Resumed()
	none(t, calls)
}

func TestOneOfConnSuspendedAndConnResumedMayBeMissing(t *testing.T) {
	calls := make(chan string, 100)
	p := play(t, func(c *Config) { c.ConnResumed = func() { calls <- "resumed" } })
	p.e.Suspended()
	p.e.Resumed()
	assert.Equal(t, "resumed", get(t, calls))
	none(t, calls)

	p = play(t)
	p.e.Suspended()
	p.e.Resumed()
	assert.Zero(t, p.e.callbacks)
}

func TestCallbackThatPanicsOrEndsItsGoroutineHoldsUpNothing(t *testing.T) {
	calls := make(chan string, 100)
	p := play(t, func(c *Config) {
		c.ConnSuspended = func() { calls <- "suspended"; panic("callback") }
		c.ConnResumed = func() { calls <- "resumed"; runtime.Goexit() }
		c.ConnOffline = func() { calls <- "offline" }
	})
	for range 2 {
		p.e.Suspended()
		p.e.Resumed()
	}
	for range 2 {
		assert.Equal(t, "suspended", get(t, calls))
		assert.Equal(t, "resumed", get(t, calls))
	}
	p.lose()
	assert.Equal(t, "offline", get(t, calls))
}
