//go:build go1.25

package main

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestATerminalSeesTheProgressOfWhatTakesOverASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		s := &show{out: &out, terminal: true}
		err := s.during("file", 200, func(done *atomic.Int64) error {
			done.Store(100)
			time.Sleep(1500 * time.Millisecond)
			return nil
		})
		assert.NoError(t, err)
		drawn, line, found := strings.Cut(out.String(), "\r\x1b[Kfile       done")
		assert.True(t, found, "the last line stands alone: %q", out.String())
		assert.Contains(t, drawn, "\r\x1b[Kfile       [###############...............]  50% 1.2 s")
		assert.Equal(t, " after 1.5s\n", line)
	})
}

func TestWhatTakesLessThanASecondIsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		s := &show{out: &out, terminal: true}
		broken := errors.New("broken")
		err := s.during("http", 0, func(*atomic.Int64) error {
			time.Sleep(900 * time.Millisecond)
			return broken
		})
		assert.Equal(t, broken, err)
		assert.Equal(t, "http       failed after 900ms\n", out.String())
	})
}
