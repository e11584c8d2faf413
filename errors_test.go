package geminio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"

	"github.com/singchia/geminio"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALostSessionIsAnUnexpectedEndAndNotAClose(t *testing.T) {
	err := fmt.Errorf("read: %w", geminio.ErrSessionLost)
	assert.ErrorIs(t, err, geminio.ErrSessionLost)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.NotErrorIs(t, err, io.EOF)
	assert.NotErrorIs(t, err, net.ErrClosed)
	assert.NotErrorIs(t, err, io.ErrClosedPipe)
}

func TestATimeoutIsANetErrorAndADeadlineExceeded(t *testing.T) {
	assert.EqualError(t, geminio.ErrTimeout, "timeout")
	assert.ErrorIs(t, geminio.ErrTimeout, context.DeadlineExceeded)
	assert.NotErrorIs(t, geminio.ErrTimeout, os.ErrDeadlineExceeded)

	var ne net.Error
	require.ErrorAs(t, fmt.Errorf("call: %w", geminio.ErrTimeout), &ne)
	assert.True(t, ne.Timeout())
}

func TestACallErrorTellsWhatEndedAndWhetherTheCallMayHaveRun(t *testing.T) {
	byPeer := &geminio.StreamError{Remote: true}
	for _, tt := range []struct {
		err   *geminio.CallError
		is    error
		isNot error
		text  string
	}{
		{&geminio.CallError{Err: geminio.ErrSessionLost, MaybeExecuted: true}, io.ErrUnexpectedEOF, net.ErrClosed,
			"session lost (may have been executed)"},
		{&geminio.CallError{Err: geminio.ErrSessionLost}, geminio.ErrSessionLost, io.EOF,
			"session lost (not executed)"},
		{&geminio.CallError{Err: net.ErrClosed, MaybeExecuted: true}, net.ErrClosed, io.ErrUnexpectedEOF,
			net.ErrClosed.Error() + " (may have been executed)"},
		{&geminio.CallError{Err: byPeer}, io.ErrClosedPipe, net.ErrClosed,
			"stream closed by the peer (not executed)"},
		{&geminio.CallError{}, nil, io.EOF, "ended (not executed)"},
	} {
		assert.EqualError(t, tt.err, tt.text)
		assert.NotErrorIs(t, tt.err, tt.isNot, tt.text)
		if tt.is != nil {
			assert.ErrorIs(t, tt.err, tt.is, tt.text)
		}
		var ce *geminio.CallError
		require.ErrorAs(t, fmt.Errorf("wrapped: %w", tt.err), &ce)
		assert.Same(t, tt.err, ce)
	}
}

func TestAStreamErrorIsAClosedPipeAndTellsWhoClosed(t *testing.T) {
	for text, err := range map[string]*geminio.StreamError{
		"stream closed":                               {},
		"stream closed by the peer":                   {Remote: true},
		"stream closed by the peer (code 7)":          {Remote: true, Code: 7},
		"stream closed by the peer: refused":          {Remote: true, Text: "refused"},
		"stream closed (code 4294967295): going away": {Code: 1<<32 - 1, Text: "going away"},
	} {
		assert.EqualError(t, err, text)
		assert.ErrorIs(t, err, io.ErrClosedPipe)
		assert.NotErrorIs(t, err, io.EOF)
		assert.NotErrorIs(t, err, net.ErrClosed)
	}
}

func TestARemoteErrorReadsExactlyAsThePeerSaidIt(t *testing.T) {
	for _, text := range []string{"", "no such rpc: m", "EOF", "timeout"} {
		err := error(&geminio.RemoteError{Code: 3, Text: text})
		assert.Equal(t, text, err.Error())
		for _, ours := range []error{io.EOF, geminio.ErrTimeout, geminio.ErrBusy, net.ErrClosed} {
			assert.NotErrorIs(t, err, ours, "the peer's words are never our own error")
		}
	}
}

func TestErrorsAreDistinct(t *testing.T) {
	all := []error{
		geminio.ErrSessionLost, geminio.ErrClientIDInUse, geminio.ErrProtocolVersion, geminio.ErrAlreadyAcked,
		geminio.ErrBusy, geminio.ErrTimeout, geminio.ErrTooManyRegistrations,
	}
	for i, a := range all {
		for j, b := range all {
			assert.Equal(t, i == j, errors.Is(a, b), "%v, %v", a, b)
		}
	}
}
