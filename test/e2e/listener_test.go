package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/harness"
	"github.com/singchia/geminio/test/memnet"
)

func acceptEnd(t *testing.T, l server.Listener) geminio.End {
	t.Helper()
	ends := make(chan geminio.End, 1)
	go func() {
		end, err := l.AcceptEnd()
		assertNil(t, err)
		ends <- end
	}()
	end := harness.Get(t, ends, "the End")
	t.Cleanup(func() { end.Close() })
	return end
}

func TestBothSidesAgreeOnTheIDAndTheMeta(t *testing.T) {
	t.Parallel()
	l, address := harness.Listen(t)
	seen := map[uint64]bool{}
	for i := range 10 {
		copts := harness.ClientOptions()
		meta := fmt.Sprint("meta ", i)
		copts.SetMeta([]byte(meta))
		c := harness.Dial(t, address, copts)
		s := acceptEnd(t, l)
		require.Equal(t, c.ClientID(), s.ClientID())
		require.NotZero(t, c.ClientID())
		require.Less(t, c.ClientID(), uint64(1)<<63)
		require.False(t, seen[c.ClientID()], "an id was given twice")
		seen[c.ClientID()] = true
		require.Equal(t, meta, string(s.Meta()))
		require.Equal(t, c.LocalAddr().String(), s.RemoteAddr().String())
	}
}

func TestGetClientIDDecidesTheID(t *testing.T) {
	t.Parallel()
	rec := &harness.Recorder{Identify: func(wanted uint64, meta []byte) (uint64, error) {
		if string(meta) == "any" {
			return 0, nil
		}
		return wanted + 1, nil
	}}
	sopts := harness.ServerOptions()
	sopts.SetDelegate(rec)
	l, address := harness.Listen(t, sopts)
	copts := harness.ClientOptions()
	copts.SetClientID(41)
	c := harness.Dial(t, address, copts)
	require.EqualValues(t, 42, c.ClientID())
	require.EqualValues(t, 42, acceptEnd(t, l).ClientID())
	require.EqualValues(t, 41, rec.Of("GetClientID")[0].Wanted)
	require.EqualValues(t, 42, rec.Of("ConnOnline")[0].ClientID)
	copts.SetMeta([]byte("any"))
	c = harness.Dial(t, address, copts)
	require.NotZero(t, c.ClientID())
	require.NotEqualValues(t, 42, c.ClientID())
	require.Equal(t, "any", rec.Of("GetClientID")[1].Meta)
}

func TestWantedIDIsHonouredWhileItIsFree(t *testing.T) {
	t.Parallel()
	l, address := harness.Listen(t)
	copts := harness.ClientOptions()
	copts.SetClientID(7777)
	c := harness.Dial(t, address, copts)
	require.EqualValues(t, 7777, c.ClientID())
	s := acceptEnd(t, l)
	require.EqualValues(t, 7777, s.ClientID())
	_, err := client.NewEnd("tcp", address, copts)
	require.ErrorIs(t, err, geminio.ErrClientIDInUse)
	harness.Exchange(t, c, s, "undisturbed")
	require.NoError(t, c.Close())
	require.NoError(t, s.Close())
	harness.Eventually(t, func() error {
		end, err := client.NewEnd("tcp", address, copts)
		if err != nil {
			return err
		}
		defer end.Close()
		if end.ClientID() != 7777 {
			return fmt.Errorf("got %d", end.ClientID())
		}
		return nil
	})
}

func TestGrantedIDReplacesTheEndThatHasIt(t *testing.T) {
	t.Parallel()
	rec := &harness.Recorder{}
	sopts := harness.ServerOptions()
	sopts.SetDelegate(rec)
	l, address := harness.Listen(t, sopts)
	copts := harness.ClientOptions()
	copts.SetClientID(7)
	old := harness.Dial(t, address, copts)
	oldServer := acceptEnd(t, l)
	c := harness.Dial(t, address, copts)
	s := acceptEnd(t, l)
	require.Equal(t, []string{"GetClientID", "ConnOnline", "GetClientID", "ConnOffline", "ConnOnline"}, rec.Names())
	harness.Exchange(t, c, s, "the new one")
	for _, end := range []geminio.End{old, oldServer} {
		_, err := end.AcceptStream()
		require.Error(t, err)
	}
}

func TestSilentConnectionsDelayNobody(t *testing.T) {
	t.Parallel()
	l, address := harness.Listen(t)
	for range 100 {
		nc, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer nc.Close()
	}
	start := time.Now()
	c := harness.Dial(t, address)
	harness.Exchange(t, c, acceptEnd(t, l), "hello")
	require.Less(t, time.Since(start), harness.Soon)
}

func TestSlowCallbacksOfAHandshakeDelayNobodyElse(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	rec := &harness.Recorder{
		Identify: func(wanted uint64, meta []byte) (uint64, error) {
			if string(meta) == "slow id" {
				<-release
			}
			return 0, nil
		},
		Online: func(d delegate.ConnDescriber) error {
			if string(d.Meta()) == "slow online" {
				<-release
			}
			return nil
		},
	}
	sopts := harness.ServerOptions()
	sopts.SetDelegate(rec)
	l, address := harness.Listen(t, sopts)
	var slow []<-chan error
	for _, meta := range []string{"slow id", "slow online"} {
		copts := harness.ClientOptions()
		copts.SetMeta([]byte(meta))
		slow = append(slow, harness.Go(func() error {
			end, err := client.NewEnd("tcp", address, copts)
			if err == nil {
				end.Close()
			}
			return err
		}))
	}
	c := harness.Dial(t, address)
	harness.Exchange(t, c, acceptEnd(t, l), "hello")
	close(release)
	for _, done := range slow {
		require.NoError(t, harness.Get(t, done, "the slow ones"))
	}
}

func TestAcceptEndReturnsOnlyFinishedEnds(t *testing.T) {
	t.Parallel()
	l, address := harness.Listen(t)
	for _, garbage := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x01\x02", "", "\x01\x01abc"} {
		nc, err := net.Dial("tcp", address)
		require.NoError(t, err)
		_, err = nc.Write([]byte(garbage))
		require.NoError(t, err)
		require.NoError(t, nc.Close())
	}
	c := harness.Dial(t, address)
	require.Equal(t, c.ClientID(), acceptEnd(t, l).ClientID())
}

func TestHandshakeErrorsAreReturnedIfAskedFor(t *testing.T) {
	t.Parallel()
	sopts := harness.ServerOptions()
	sopts.SetHandshakeErrors(true)
	l, address := harness.Listen(t, sopts)
	nc, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.Write([]byte("GET"))
	require.NoError(t, err)
	failed := harness.Go(func() error {
		_, err := l.AcceptEnd()
		return err
	})
	select {
	case err = <-failed:
	case <-time.After(3 * time.Second):
		require.Fail(t, "no error within 3 s")
	}
	var ne net.Error
	require.ErrorAs(t, err, &ne)
	var passing interface{ Temporary() bool }
	require.ErrorAs(t, err, &passing)
	require.True(t, passing.Temporary()) // loops ask for it
	c := harness.Dial(t, address)
	require.Equal(t, c.ClientID(), acceptEnd(t, l).ClientID())
}

func TestCloseOfAListenerEndsAcceptAndNoEnd(t *testing.T) {
	t.Parallel()
	l, address := harness.Listen(t)
	require.IsType(t, (*net.TCPAddr)(nil), l.Addr())
	c := harness.Dial(t, address)
	s := acceptEnd(t, l)
	waiting := harness.Dial(t, address) // finished, not accepted
	// after this client's handshake the server's side may still be on its way
	accepting := make(chan error, 2)
	require.NoError(t, l.Close())
	go func() {
		_, err := l.AcceptEnd()
		accepting <- err
		_, err = l.Accept()
		accepting <- err
	}()
	for range 2 {
		require.ErrorIs(t, harness.Get(t, accepting, "the end of AcceptEnd"), net.ErrClosed)
	}
	harness.Exchange(t, c, s, "lives on")
	require.NoError(t, waiting.SetReadDeadline(time.Now().Add(harness.Soon)))
	_, err := waiting.Read(make([]byte, 1))
	var ne net.Error
	require.False(t, errors.As(err, &ne) && ne.Timeout(), "what was not accepted is not closed")
	_, err = client.NewEnd("tcp", address, harness.ClientOptions())
	require.Error(t, err)
}

func TestCloseOfAListenerWakesAcceptEnd(t *testing.T) {
	t.Parallel()
	l, _ := harness.Listen(t)
	accepting := harness.Go(func() error {
		_, err := l.AcceptEnd()
		return err
	})
	<-time.After(20 * time.Millisecond)
	require.NoError(t, l.Close())
	require.ErrorIs(t, harness.Get(t, accepting, "the end of AcceptEnd"), net.ErrClosed)
}

func TestAnyListenerCanBeServed(t *testing.T) {
	t.Parallel()
	ml := memnet.Listen()
	l, err := server.NewListener(ml, harness.ServerOptions())
	require.NoError(t, err)
	defer l.Close()
	c, err := client.NewEndWithDialer(ml.Dial, harness.ClientOptions())
	require.NoError(t, err)
	defer c.Close()
	harness.Exchange(t, c, acceptEnd(t, l), "in memory")
}

func TestDialErrorIsReturnedAsItIs(t *testing.T) {
	t.Parallel()
	broken := errors.New("no way")
	_, err := client.NewEndWithDialer(func() (net.Conn, error) { return nil, broken }, harness.ClientOptions())
	require.True(t, err == broken, "%v", err)
}

func TestBothSidesMayRegisterAndWaitForEachOther(t *testing.T) {
	for _, carrier := range harness.Carriers() {
		t.Run(carrier.Name, func(t *testing.T) {
			t.Parallel()
			copts, sopts := harness.ClientOptions(), harness.ServerOptions()
			copts.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "client", RPC: harness.EchoRPC})
			copts.SetWaitRemoteRPCs("server")
			sopts.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "server", RPC: harness.EchoRPC})
			sopts.SetWaitRemoteRPCs("client")
			c, s := harness.Ends(t, carrier, copts, sopts)
			require.Equal(t, "x", call(t, c, "server", "x"))
			require.Equal(t, "y", call(t, s, "client", "y"))
		})
	}
}

func TestWaitingForTheRemoteMethodsEndsWithTheConnectionAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	sopts := harness.ServerOptions()
	sopts.SetWaitRemoteRPCs("needed")
	l, address := harness.Listen(t, sopts)
	c := harness.Dial(t, address) // never registers
	ready := harness.ClientOptions()
	ready.SetRegisterLocalRPCs(&geminio.MethodRPC{Method: "needed", RPC: harness.EchoRPC})
	second := harness.Dial(t, address, ready)
	require.Equal(t, second.ClientID(), acceptEnd(t, l).ClientID())
	require.NoError(t, c.Close())

	wopts := harness.ClientOptions()
	wopts.SetWaitRemoteRPCs("never")
	var s geminio.End
	cc, sc, err := harness.TCP.Dial()
	require.NoError(t, err)
	waiting := harness.Go(func() error {
		_, err := client.NewEndWithConn(cc, wopts)
		return err
	})
	s, err = server.NewEndWithConn(sc, harness.ServerOptions())
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.Error(t, harness.Get(t, waiting, "the constructor's end"))
}

func TestEndsOfManyClientsAreServedAtOnce(t *testing.T) {
	t.Parallel()
	l, address := harness.Listen(t)
	harness.AcceptAll(t, l)
	var wg sync.WaitGroup
	var served atomic.Int64
	for range 200 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			opts := harness.ClientOptions()
			opts.SetWaitRemoteRPCs("echo")
			c, err := client.NewEnd("tcp", address, opts)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_, err = c.Call(context.Background(), "echo", c.NewRequest(nil))
			if err != nil {
				t.Error(err)
				return
			}
			served.Add(1)
		}()
	}
	harness.Within(t, 6*harness.Soon, "the clients", wg.Wait)
	require.EqualValues(t, 200, served.Load())
}

func TestOptionsAreSharedAndNeverChanged(t *testing.T) {
	t.Parallel()
	sopts := &server.EndOptions{Log: harness.Quiet(), RemoteMethods: []string{"c"}}
	copts := &client.EndOptions{Log: harness.Quiet(), Meta: []byte("meta"), LocalMethods: []*geminio.MethodRPC{{Method: "c", RPC: harness.EchoRPC}}}
	sopts.SetLimits(options.Limits{MaxStreams: 5})
	wasServer, wasClient := *sopts, *copts
	l, err := server.Listen("tcp", "127.0.0.1:0", nil, sopts, nil)
	require.NoError(t, err)
	defer l.Close()
	var wg sync.WaitGroup
	for range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c, err := client.NewEnd("tcp", l.Addr().String(), nil, copts, nil)
			if err != nil {
				t.Error(err)
				return
			}
			assertNil(t, c.Close())
		}()
	}
	harness.Within(t, harness.Soon, "the clients", wg.Wait)
	wasClient.LocalMethods, copts.LocalMethods = nil, nil // functions do not compare
	require.True(t, reflect.DeepEqual(wasServer, *sopts))
	require.True(t, reflect.DeepEqual(wasClient, *copts))
}
