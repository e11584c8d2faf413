package e2e

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/test/harness"
)

func TestWaitingPublishEndsWhenEitherSideCloses(t *testing.T) {
	ends := map[string]func(c, s geminio.End, cut func()){
		"publisher": func(c, _ geminio.End, _ func()) { c.Close() },
		"receiver":  func(_, s geminio.End, _ func()) { s.Close() },
		"lost":      func(_, _ geminio.End, cut func()) { cut() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s, cut := harness.Lossy(t, nil, nil)
			done := publish(c, c.NewMessage([]byte("m")))
			m := receive(t, s)
			end(c, s, cut)
			var ce *geminio.CallError
			require.ErrorAs(t, harness.Get(t, done, "the end of Publish"), &ce)
			require.True(t, ce.MaybeExecuted)
			require.NoError(t, s.Close())
			verdict := m.Done()
			require.True(t, verdict == io.EOF, "%v", verdict)
			verdict = m.Error(errors.New("no"))
			require.True(t, verdict == io.EOF, "%v", verdict)
		})
	}
}

func TestMessagesThatArrivedAreReceivedAfterTheEnd(t *testing.T) {
	ends := map[string]func(c, s geminio.End, cut func()){
		"publisher closes": func(c, _ geminio.End, _ func()) { c.Close() },
		"receiver closes":  func(_, s geminio.End, _ func()) { s.Close() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s, cut := harness.Lossy(t, nil, nil)
			const count = 500
			for range count {
				require.NoError(t, c.Publish(harness.Context(t), message(c, []byte("m"), options.CnssAtMostOnce)))
			}
			register(t, s, "all arrived", harness.EchoRPC)
			require.Equal(t, "x", call(t, c, "all arrived", "x"))
			end(c, s, cut)
			for range count {
				m := receive(t, s)
				require.Equal(t, "m", string(m.Data()))
			}
			_, err := s.Receive(harness.Context(t))
			require.True(t, err == io.EOF, "%v", err)
		})
	}
}
