package e2e

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/test/harness"
)

// A way is one of the three ways in which a stream ends.
type way int

const (
	closedHere way = iota
	closedByPeer
	lost   // this side's socket was closed under it, the peer's gets a reset
	hungUp // the peer's socket was closed without a farewell
)

// A scene is a stream with a peer, and the ways to end it.
type scene struct {
	own, peer geminio.Stream
	end       map[way]func()
}

// scenes are all places where the table of errors must hold: default and opened
// streams on both sides, ended by themselves or with their End.
func scenes(t *testing.T) map[string]func(t *testing.T) scene {
	t.Helper()
	build := func(t *testing.T, server, opened, wholeEnd bool) scene {
		cc, sc, err := harness.TCP.Dial()
		require.NoError(t, err)
		c, s, err := harness.Join(cc, sc, nil, nil)
		require.NoError(t, err)
		t.Cleanup(func() { harness.CloseBoth(c, s) })
		own, peer, ownConn, peerConn := c, s, cc, sc
		if server {
			own, peer, ownConn, peerConn = s, c, sc, cc
		}
		of := scene{own: own, peer: peer}
		if opened {
			of.own, of.peer = harness.OpenPair(t, c, s)
			if server {
				of.own, of.peer = of.peer, of.own
			}
		}
		here, there := func() { of.own.Close() }, func() { of.peer.Close() }
		if wholeEnd {
			here, there = func() { own.Close() }, func() { peer.Close() }
		}
		of.end = map[way]func(){
			closedHere: here, closedByPeer: there,
			lost:   func() { ownConn.Close() },
			hungUp: func() { _ = peerConn.(*net.TCPConn).CloseWrite() },
		}
		return of
	}
	return map[string]func(t *testing.T) scene{
		"End of client":                func(t *testing.T) scene { return build(t, false, false, true) },
		"End of server":                func(t *testing.T) scene { return build(t, true, false, true) },
		"stream of client":             func(t *testing.T) scene { return build(t, false, true, false) },
		"stream of server":             func(t *testing.T) scene { return build(t, true, true, false) },
		"stream with its client's End": func(t *testing.T) scene { return build(t, false, true, true) },
		"stream with its server's End": func(t *testing.T) scene { return build(t, true, true, true) },
	}
}

func eachScene(t *testing.T, w way, f func(t *testing.T, sc scene)) {
	for name, build := range scenes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, build(t))
		})
	}
}

// is fails the test unless err is that very value.
func is(t *testing.T, want, err error) {
	t.Helper()
	require.True(t, err == want, "%v (%T), want %v", err, err, want)
}

// untilError writes until it fails: what the peer did must arrive first.
func untilError(t *testing.T, c net.Conn) error {
	t.Helper()
	deadline := time.Now().Add(harness.Soon)
	for time.Now().Before(deadline) {
		require.NoError(t, c.SetWriteDeadline(deadline))
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
	}
	require.Fail(t, "Write goes on")
	return nil
}

func isStreamError(t *testing.T, err error) {
	t.Helper()
	var se *geminio.StreamError
	require.ErrorAs(t, err, &se)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	require.True(t, se.Remote)
}

func isLost(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, geminio.ErrSessionLost)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NotErrorIs(t, err, net.ErrClosed)
	require.NotErrorIs(t, err, io.EOF)
}

func TestReadAfterCloseHere(t *testing.T) {
	eachScene(t, closedHere, func(t *testing.T, sc scene) {
		pending := harness.Go(func() error {
			_, err := sc.own.Read(make([]byte, 1))
			return err
		})
		sc.end[closedHere]()
		is(t, net.ErrClosed, harness.Get(t, pending, "the end of Read"))
		_, err := sc.own.Read(make([]byte, 1))
		is(t, net.ErrClosed, err)
	})
}

func TestReadAfterCloseByThePeer(t *testing.T) {
	eachScene(t, closedByPeer, func(t *testing.T, sc scene) {
		_, err := sc.peer.Write([]byte("the rest"))
		require.NoError(t, err)
		sc.end[closedByPeer]()
		require.Equal(t, "the re", string(harness.Read(t, sc.own, 6)))
		require.Equal(t, "st", string(harness.Read(t, sc.own, 6)))
		for range 2 {
			_, err = sc.own.Read(make([]byte, 1))
			is(t, io.EOF, err)
		}
	})
}

func TestReadAfterLoss(t *testing.T) {
	for _, w := range []way{lost, hungUp} {
		eachScene(t, w, func(t *testing.T, sc scene) {
			_, err := sc.peer.Write([]byte("the rest"))
			require.NoError(t, err)
			require.Equal(t, "the re", string(harness.Read(t, sc.own, 6)))
			sc.end[w]()
			isLost(t, untilError(t, sc.own))
			got, err := io.ReadAll(sc.own)
			require.Equal(t, "st", string(got))
			isLost(t, err)
		})
	}
}

func TestWriteAfterCloseHere(t *testing.T) {
	eachScene(t, closedHere, func(t *testing.T, sc scene) {
		harness.Fill(t, sc.own)
		pending := harness.Go(func() error {
			_, err := sc.own.Write(make([]byte, 1<<20))
			return err
		})
		select {
		case err := <-pending:
			t.Fatal("the stream is not full: ", err)
		case <-time.After(50 * time.Millisecond):
		}
		sc.end[closedHere]()
		is(t, net.ErrClosed, harness.Get(t, pending, "the end of Write"))
		_, err := sc.own.Write([]byte("x"))
		is(t, net.ErrClosed, err)
		is(t, net.ErrClosed, sc.own.(geminio.CloseWriter).CloseWrite())
		is(t, net.ErrClosed, sc.own.(geminio.CloseReader).CloseRead())
	})
}

func TestWriteAfterCloseByThePeer(t *testing.T) {
	eachScene(t, closedByPeer, func(t *testing.T, sc scene) {
		harness.Fill(t, sc.own)
		pending := harness.Go(func() error {
			_, err := sc.own.Write(make([]byte, 1<<20))
			return err
		})
		sc.end[closedByPeer]()
		isStreamError(t, harness.Get(t, pending, "the end of Write"))
		_, err := sc.own.Write([]byte("x"))
		isStreamError(t, err)
		isStreamError(t, sc.own.(geminio.CloseWriter).CloseWrite())
	})
}

func TestWriteAfterLoss(t *testing.T) {
	for _, w := range []way{lost, hungUp} {
		eachScene(t, w, func(t *testing.T, sc scene) {
			harness.Fill(t, sc.own)
			pending := harness.Go(func() error {
				_, err := sc.own.Write(make([]byte, 1<<20))
				return err
			})
			sc.end[w]()
			isLost(t, harness.Get(t, pending, "the end of Write"))
			_, err := sc.own.Write([]byte("x"))
			isLost(t, err)
			isLost(t, sc.own.(geminio.CloseWriter).CloseWrite())
		})
	}
}

func TestCallsAndPublicationsInFlight(t *testing.T) {
	causes := map[way]func(t *testing.T, err error){
		closedHere:   func(t *testing.T, err error) { require.ErrorIs(t, err, net.ErrClosed) },
		closedByPeer: isStreamError,
		lost:         isLost,
		hungUp:       isLost,
	}
	for w, cause := range causes {
		eachScene(t, w, func(t *testing.T, sc scene) {
			started, ended := blocked(t, sc.peer)
			calling := harness.Go(func() error {
				_, err := sc.own.Call(context.Background(), "wait", sc.own.NewRequest(nil))
				return err
			})
			publishing := publish(sc.own, sc.own.NewMessage(nil))
			harness.Get(t, started, "the handler")
			receive(t, sc.peer)
			sc.end[w]()
			for _, in := range []<-chan error{calling, publishing} {
				err := harness.Get(t, in, "the end of what is in flight")
				var ce *geminio.CallError
				require.ErrorAs(t, err, &ce)
				require.True(t, ce.MaybeExecuted)
				require.NotErrorIs(t, err, io.EOF)
				cause(t, err)
			}
			harness.Get(t, ended, "the handler's end")
		})
	}
}

func TestWhatBeginsAfterTheEndIsEOF(t *testing.T) {
	for _, w := range []way{closedHere, closedByPeer, lost, hungUp} {
		eachScene(t, w, func(t *testing.T, sc scene) {
			published := publish(sc.peer, sc.peer.NewMessage(nil))
			m := receive(t, sc.own)
			sc.end[w]()
			require.Error(t, harness.Get(t, published, "the end of Publish"))
			for {
				_, err := sc.own.Receive(harness.Context(t))
				if err == nil {
					continue
				}
				is(t, io.EOF, err)
				break
			}
			ctx := harness.Context(t)
			_, err := sc.own.Call(ctx, "m", sc.own.NewRequest(nil))
			is(t, io.EOF, err)
			_, err = sc.own.CallAsync(ctx, "m", sc.own.NewRequest(nil), nil)
			is(t, io.EOF, err)
			for _, cnss := range []options.Cnss{0, 1, 2, 3} {
				is(t, io.EOF, sc.own.Publish(ctx, message(sc.own, nil, cnss)))
			}
			_, err = sc.own.PublishAsync(ctx, sc.own.NewMessage(nil), nil)
			is(t, io.EOF, err)
			is(t, io.EOF, sc.own.Register(ctx, "m", harness.EchoRPC))
			is(t, io.EOF, m.Done())
			is(t, io.EOF, m.Error(errors.New("no")))
			if end, ok := sc.own.(geminio.End); ok {
				_, err = end.OpenStream()
				is(t, io.EOF, err)
				_, err = end.AcceptStream()
				is(t, io.EOF, err)
				_, err = end.Accept()
				is(t, io.EOF, err)
			}
			require.NoError(t, sc.own.SetDeadline(time.Now()))
			require.NoError(t, sc.own.Close())
		})
	}
}

func TestWhatWaitsWhenTheEndComesGetsEOF(t *testing.T) {
	for _, w := range []way{closedHere, closedByPeer, lost, hungUp} {
		eachScene(t, w, func(t *testing.T, sc scene) {
			waiting := map[string]func() error{
				"Receive": func() error { _, err := sc.own.Receive(context.Background()); return err },
			}
			if end, ok := sc.own.(geminio.End); ok {
				waiting["AcceptStream"] = func() error { _, err := end.AcceptStream(); return err }
				waiting["Accept"] = func() error { _, err := end.Accept(); return err }
			}
			results := map[string]<-chan error{}
			for name, f := range waiting {
				results[name] = harness.Go(f)
			}
			sc.end[w]()
			for name, result := range results {
				is(t, io.EOF, harness.Get(t, result, name))
			}
		})
	}
}

func TestStreamsThatWereQueuedAreAcceptedAfterTheEnd(t *testing.T) {
	for _, w := range []way{closedHere, closedByPeer, lost} {
		c, s, cut := harness.Lossy(t, nil, nil)
		for range 3 {
			opened, err := c.OpenStream()
			require.NoError(t, err)
			_, err = opened.Write([]byte("greeting"))
			require.NoError(t, err)
		}
		register(t, s, "all arrived", harness.EchoRPC)
		call(t, c, "all arrived", "")
		map[way]func(){closedHere: func() { s.Close() }, closedByPeer: func() { c.Close() }, lost: cut}[w]()
		for range 3 {
			st, err := s.AcceptStream()
			require.NoError(t, err)
			if w == closedByPeer {
				got, err := io.ReadAll(st)
				require.NoError(t, err)
				require.Equal(t, "greeting", string(got))
			}
		}
		_, err := s.AcceptStream()
		is(t, io.EOF, err)
	}
}
