package multiplexer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
)

// tcp returns both sides of a connection over loopback, which end with the
// test.
func tcp(t testing.TB) (client, server *side) {
	t.Helper()
	a, b := tcpPair(t)
	client, server = pair(t, a, b)
	t.Cleanup(func() {
		client.Close()
		server.Close()
		<-client.closed
		<-server.closed
	})
	return client, server
}

// open opens a stream of the client and returns both ends.
func open(t testing.TB, client, server *side) (here, there *Dialogue) {
	t.Helper()
	here, err := client.m.Open(context.Background(), nil, "")
	require.NoError(t, err)
	there = <-server.accepted
	server.m.Accepted()
	return here, there
}

func TestStalledStreamsDoNotStopAHealthyOne(t *testing.T) {
	client, server := tcp(t)
	const stalled = 80
	var writers sync.WaitGroup
	var streams []*Dialogue
	for range stalled {
		w, _ := open(t, client, server) // nobody reads the other end
		streams = append(streams, w)
		writers.Add(1)
		go func() {
			defer writers.Done()
			_, err := w.Write(make([]byte, 1<<20))
			assert.Equal(t, net.ErrClosed, err)
		}()
	}
	for _, w := range streams {
		until(t, "each writer waits for credit", w.sleeping)
	}
	w, r := open(t, client, server)
	sum := begin(func() (int64, error) { return io.Copy(io.Discard, r) })
	const size = 32 << 20
	n, err := w.Write(make([]byte, size))
	require.NoError(t, err)
	require.Equal(t, size, n)
	require.NoError(t, w.CloseWrite())
	require.Equal(t, result{size, nil}, <-sum)
	for _, w := range streams {
		require.NoError(t, w.Close())
	}
	writers.Wait()
}

func TestCloseReadEndsThePeersWrites(t *testing.T) {
	client, server := tcp(t)
	w, r := open(t, client, server)
	write := beginWrite(w, make([]byte, 64<<20))
	until(t, "the write waits", w.sleeping)
	require.NoError(t, r.CloseRead())
	got := <-write
	var e *geminio.StreamError
	require.ErrorAs(t, got.err, &e)
	require.ErrorIs(t, got.err, io.ErrClosedPipe)
	require.Less(t, got.n, int64(64<<20))
	_, err := r.Write([]byte("the other direction goes on"))
	require.NoError(t, err)
	require.NoError(t, r.Close())
	b, err := io.ReadAll(w)
	require.NoError(t, err)
	require.Equal(t, "the other direction goes on", string(b))
}

func TestCloseDeliversWhatWasWritten(t *testing.T) {
	for range 20 {
		client, server := tcp(t)
		w, r := open(t, client, server)
		p := pattern(200 << 10)
		_, err := w.Write(p)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		client.m.Close()
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.True(t, bytes.Equal(p, got))
	}
}

func TestWhatATimedOutWriteCountedIsWhatArrives(t *testing.T) {
	client, server := tcp(t)
	w, r := open(t, client, server)
	sent, received := sha256.New(), sha256.New()
	read := begin(func() (int64, error) { return io.Copy(received, r) })
	p := pattern(3 << 20)
	var total int64
	for i := range 300 {
		require.NoError(t, w.SetWriteDeadline(time.Now().Add(time.Duration(i%7)*100*time.Microsecond)))
		n, _ := w.Write(p[i:])
		sent.Write(p[i : i+n])
		total += int64(n)
	}
	require.NoError(t, w.CloseWrite())
	require.Equal(t, result{total, nil}, <-read)
	require.Equal(t, sent.Sum(nil), received.Sum(nil))
}
