package harness

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/jumboframes/armorigo/log"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/server"
)

// Quiet returns a logger that says nothing.
func Quiet() log.Logger { return log.NewLog().WithOutput(io.Discard) }

// ClientOptions returns options for a client whose log is quiet.
func ClientOptions() *client.EndOptions {
	opts := client.NewEndOptions()
	opts.SetLog(Quiet())
	return opts
}

// ServerOptions returns options for a server whose log is quiet.
func ServerOptions() *server.EndOptions {
	opts := server.NewEndOptions()
	opts.SetLog(Quiet())
	return opts
}

// Join makes a pair of Ends on the two sides of a connection. Options may be
// nil.
func Join(cc, sc net.Conn, copts *client.EndOptions, sopts *server.EndOptions) (c, s geminio.End, err error) {
	type result struct {
		end geminio.End
		err error
	}
	served := make(chan result, 1)
	go func() {
		end, err := server.NewEndWithConn(sc, ServerOptions(), sopts)
		served <- result{end, err}
	}()
	c, err = client.NewEndWithConn(cc, ClientOptions(), copts)
	if err != nil {
		cc.Close()
	}
	srv := <-served
	if err == nil && srv.err != nil {
		c.Close()
		return nil, nil, srv.err
	}
	if err != nil {
		if srv.err == nil {
			srv.end.Close()
		}
		return nil, nil, err
	}
	return c, srv.end, nil
}

// Connect makes a pair of Ends over a new connection of the carrier.
func Connect(carrier Carrier, copts *client.EndOptions, sopts *server.EndOptions) (c, s geminio.End, err error) {
	cc, sc, err := carrier.Dial()
	if err != nil {
		return nil, nil, err
	}
	return Join(cc, sc, copts, sopts)
}

// Ends is Connect for a test, at whose end both are closed.
func Ends(tb testing.TB, carrier Carrier, copts *client.EndOptions, sopts *server.EndOptions) (c, s geminio.End) {
	tb.Helper()
	c, s, err := Connect(carrier, copts, sopts)
	require.NoError(tb, err)
	tb.Cleanup(func() { CloseBoth(c, s) })
	return c, s
}

// Lossy is Ends over TCP with a function that cuts the connection without a
// farewell.
func Lossy(tb testing.TB, copts *client.EndOptions, sopts *server.EndOptions) (c, s geminio.End, cut func()) {
	tb.Helper()
	cc, sc, err := TCP.Dial()
	require.NoError(tb, err)
	c, s, err = Join(cc, sc, copts, sopts)
	require.NoError(tb, err)
	tb.Cleanup(func() { CloseBoth(c, s) })
	return c, s, func() {
		_ = cc.(*net.TCPConn).SetLinger(0)
		cc.Close()
	}
}

// CloseBoth closes both sides at once.
func CloseBoth(c, s geminio.End) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Close()
	}()
	c.Close()
	<-done
}

// OpenPair opens a stream from opener and accepts it on acceptor.
func OpenPair(tb testing.TB, opener, acceptor geminio.End) (opened, accepted geminio.Stream) {
	tb.Helper()
	opened, err := opener.OpenStream()
	require.NoError(tb, err)
	accepted, err = acceptor.AcceptStream()
	require.NoError(tb, err)
	require.Equal(tb, opened.StreamID(), accepted.StreamID())
	return opened, accepted
}

// Listen returns a listener on a port of the loopback interface, closed at the
// end of the test, and its address.
func Listen(tb testing.TB, opts ...*server.EndOptions) (l server.Listener, address string) {
	tb.Helper()
	all := append([]*server.EndOptions{ServerOptions()}, opts...)
	l, err := server.Listen("tcp", "127.0.0.1:0", all...)
	require.NoError(tb, err)
	tb.Cleanup(func() { l.Close() })
	return l, l.Addr().String()
}

// Dial connects a client to address, closed at the end of the test.
func Dial(tb testing.TB, address string, opts ...*client.EndOptions) geminio.End {
	tb.Helper()
	end, err := client.NewEnd("tcp", address, append([]*client.EndOptions{ClientOptions()}, opts...)...)
	require.NoError(tb, err)
	tb.Cleanup(func() { end.Close() })
	return end
}

// AcceptAll accepts Ends until the listener is closed, registers method "echo"
// on each, and closes them at the end of the test.
func AcceptAll(tb testing.TB, l server.Listener) {
	tb.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var ends []geminio.End
		for {
			end, err := l.AcceptEnd()
			if err != nil {
				break
			}
			ends = append(ends, end)
			go func() { _ = end.Register(context.Background(), "echo", EchoRPC) }()
		}
		for _, end := range ends {
			end.Close()
		}
	}()
	tb.Cleanup(func() {
		l.Close()
		<-done
	})
}
