package process

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/harness"
)

// startServer starts a child that serves on addr, and returns it with the
// address and the time at which it is there.
func startServer(t *testing.T, addr string) (c *child, at string, since time.Time) {
	t.Helper()
	c = start(t, "server", addr)
	e := c.await(t, listening, 1)
	return c, e.text[len(listening):], e.at
}

// dial returns a RetryEnd of this process, which ends with the test. It serves
// echo, and waits for each session until the server has registered back.
func dial(t *testing.T, addr string, told *journal) geminio.End {
	t.Helper()
	opts := client.NewEndOptions()
	opts.SetLog(quiet())
	opts.SetDelegate(&witness{tell: told.tell})
	opts.SetRegisterLocalRPCs(newService(told.tell).methods()...)
	opts.SetWaitRemoteRPCs(back)
	end, err := client.NewRetryEnd("tcp", addr, opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = end.Close() })
	return end
}

// serveHere serves in this process, until the test ends, and returns the
// address and the Ends.
func serveHere(t *testing.T, told *journal, opts *server.EndOptions) (addr string, ends <-chan geminio.End) {
	t.Helper()
	s := newService(told.tell)
	ln, err := listen("127.0.0.1:0", s, opts)
	require.NoError(t, err)
	ch := make(chan geminio.End, kills()+1)
	var all []geminio.End
	go func() {
		defer close(ch)
		for {
			end, err := ln.AcceptEnd()
			if err != nil {
				return
			}
			all = append(all, end)
			ch <- end
			if err := s.serve(end); err != nil {
				told.tell(failure + err.Error())
			}
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		for range ch { // until it is closed
		}
		for _, end := range all {
			_ = end.Close()
		}
	})
	return ln.Addr().String(), ch
}

// get waits for a value.
func get[T any](t *testing.T, ch <-chan T, what string) (v T) {
	t.Helper()
	harness.Within(t, patience, what, func() { v = <-ch })
	return v
}

// within returns a context that ends after patience, or with the test.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// ask calls a method of the peer that answers.
func ask(t *testing.T, end geminio.End, method, text string) string {
	t.Helper()
	rsp, err := end.Call(within(t), method, end.NewRequest([]byte(text)))
	require.NoError(t, err)
	return string(rsp.Data())
}

// publish publishes without waiting for the outcome.
func publish(t *testing.T, end geminio.End, text, topic string, cnss options.Cnss) *geminio.Publish {
	t.Helper()
	opts := options.NewMessage()
	opts.SetTopic(topic)
	opts.SetCnss(cnss)
	p, err := end.PublishAsync(within(t), end.NewMessage([]byte(text), opts), nil)
	require.NoError(t, err)
	return p
}

// echoed tells the error of having a text echoed by the peer of c.
func echoed(t *testing.T, c net.Conn, text string) error {
	t.Helper()
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	defer func() { _ = c.SetDeadline(time.Time{}) }()
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if string(got) != text {
		return fmt.Errorf("%q came back for %q", got, text)
	}
	return nil
}

// reading returns where the error of a Read is going to be, before which
// nothing must come.
func reading(c net.Conn) <-chan error {
	return harness.Go(func() error {
		n, err := c.Read(make([]byte, 1))
		if n != 0 {
			return fmt.Errorf("a byte came, and %w", err)
		}
		return err
	})
}

// lost asserts that err is that of a lost session.
func lost(t *testing.T, err error, what string) {
	t.Helper()
	assert.ErrorIs(t, err, geminio.ErrSessionLost, what)
}

// callLost asserts that err is that of a call or publication whose session was
// lost, and that it says whether it may have been executed.
func callLost(t *testing.T, err error, maybe bool, what string) {
	t.Helper()
	lost(t, err, what)
	var ce *geminio.CallError
	if assert.ErrorAs(t, err, &ce, what) {
		assert.Equal(t, maybe, ce.MaybeExecuted, what)
	}
}

// assertSessions asserts what was told of the sessions of a client.
func assertSessions(t *testing.T, told *journal, id uint64, events ...string) {
	t.Helper()
	var want []string
	for _, e := range events {
		want = append(want, fmt.Sprint(e, " ", id))
	}
	assert.Equal(t, want, told.texts("Conn"))
}

// pending is what waits when a session is lost: on an End, a call that runs
// and a Read; on a stream of it, a Read.
type pending struct {
	stream geminio.Stream
	call   *geminio.Call
	reads  map[string]<-chan error
}

// engage has something of everything wait on an End whose peer is a service.
// The call is on when the peer tells holding(text).
func engage(t *testing.T, end geminio.End, text string) *pending {
	t.Helper()
	stream, err := end.OpenStream()
	require.NoError(t, err)
	require.NoError(t, echoed(t, stream, text))
	require.NoError(t, echoed(t, end, text))
	call, err := end.CallAsync(within(t), hold, end.NewRequest([]byte(text)), nil)
	require.NoError(t, err)
	return &pending{stream: stream, call: call, reads: map[string]<-chan error{
		"read of the stream": reading(stream), "read of the end": reading(end),
	}}
}

// lost asserts that all of it fails as it must when the session is lost.
func (p *pending) lost(t *testing.T) {
	t.Helper()
	call := get(t, p.call.Done, "the call")
	callLost(t, call.Error, true, "call that ran")
	for what, read := range p.reads {
		lost(t, get(t, read, what), what)
	}
	_, err := p.stream.Read(make([]byte, 1))
	lost(t, err, "read of the stream, again")
	_, err = p.stream.Write([]byte("x"))
	lost(t, err, "write to the stream")
}
