package floor

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both sides of a connection whose far side answers with what it
// was sent.
func pair(t *testing.T) (near, far *Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	nc, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	fc, err := ln.Accept()
	require.NoError(t, err)
	far = New(fc, func(p []byte) []byte { return p }, 256)
	near = New(nc, nil, 0)
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func TestEveryCallerGetsItsOwnAnswer(t *testing.T) {
	near, _ := pair(t)
	var wg sync.WaitGroup
	for caller := range 64 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 50 {
				want := fmt.Sprintf("caller %d, call %d", caller, i)
				got, err := near.Call([]byte(want))
				if !assert.NoError(t, err) || !assert.Equal(t, want, string(got)) {
					return
				}
			}
		}()
	}
	wg.Wait()
}

func TestALargeBodyComesBackWhole(t *testing.T) {
	near, _ := pair(t)
	want := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	got, err := near.Call(want)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(want, got))
}

func TestPublishReturnsAfterTheReceiverAcknowledged(t *testing.T) {
	near, far := pair(t)
	const n, window = 1000, 256
	received := make(chan int)
	go func() {
		i := 0
		for ; i < n; i++ {
			m, ok := far.Receive()
			if !ok || string(m.Data) != fmt.Sprint(i) {
				break
			}
			m.Ack()
		}
		received <- i
	}()
	require.NoError(t, near.Publish([]byte("0")))
	acked := make(chan []byte, window)
	open := 0
	for i := 1; i < n; i++ {
		if open == window {
			require.NotNil(t, <-acked)
			open--
		}
		require.NoError(t, near.PublishAsync([]byte(fmt.Sprint(i)), acked))
		open++
	}
	for ; open > 0; open-- {
		require.NotNil(t, <-acked)
	}
	assert.Equal(t, n, <-received, "messages in order")
}

func TestACallInFlightFailsWithTheConnection(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	nc, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	fc, err := ln.Accept()
	require.NoError(t, err)
	near := New(nc, nil, 0)
	defer near.Close()

	failed := make(chan error, 1)
	go func() {
		_, err := near.Call([]byte("nobody answers"))
		failed <- err
	}()
	_, err = fc.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, fc.Close())
	assert.ErrorIs(t, <-failed, ErrClosed)
	_, err = near.Call(nil)
	assert.ErrorIs(t, err, ErrClosed)
}
