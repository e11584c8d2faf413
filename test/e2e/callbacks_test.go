package e2e

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/test/harness"
)

// recorded is a pair with a Recorder on either side.
func recorded(t *testing.T, crec, srec *harness.Recorder, accept bool) (c, s geminio.End, cut func()) {
	t.Helper()
	copts, sopts := harness.ClientOptions(), harness.ServerOptions()
	copts.SetDelegate(crec)
	sopts.SetDelegate(srec)
	sopts.SetClosedStreamFunc(srec.Closed)
	if accept {
		sopts.SetAcceptStreamFunc(srec.Accepted)
	}
	return harness.Lossy(t, copts, sopts)
}

func TestCallbacksOfAServerComeInTheirOrder(t *testing.T) {
	ends := map[string]func(c, s geminio.End, cut func()){
		"the client closes": func(c, _ geminio.End, _ func()) { c.Close() },
		"the server closes": func(_, s geminio.End, _ func()) { s.Close() },
		"lost":              func(_, _ geminio.End, cut func()) { cut() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crec, srec := &harness.Recorder{}, &harness.Recorder{}
			c, s, cut := recorded(t, crec, srec, true)
			opened, err := c.OpenStream()
			require.NoError(t, err)
			require.Equal(t, []string{"GetClientID", "ConnOnline", "DialogueOnline", "AcceptStream"}, srec.Names())
			require.Equal(t, []string{"ConnOnline", "DialogueOnline"}, crec.Names())
			end(c, s, cut)
			srec.Await(t, "ConnOffline", 1)
			crec.Await(t, "ConnOffline", 1)
			require.Equal(t, []string{
				"GetClientID", "ConnOnline", "DialogueOnline", "AcceptStream",
				"DialogueOffline", "ClosedStream", "ConnOffline",
			}, srec.Names())
			require.Equal(t, []string{"ConnOnline", "DialogueOnline", "DialogueOffline", "ConnOffline"}, crec.Names())
			for _, e := range srec.Events()[2:6] {
				require.Equal(t, opened.StreamID(), e.StreamID)
				require.Equal(t, c.ClientID(), e.ClientID)
				require.Equal(t, geminio.RecipientSide, e.Side)
			}
			require.Equal(t, geminio.InitiatorSide, crec.Of("DialogueOffline")[0].Side)
		})
	}
}

func TestEveryStreamEndsOnceForItsCallbacks(t *testing.T) {
	ends := map[string]func(c, s geminio.End, cut func()){
		"close": func(c, s geminio.End, _ func()) { harness.CloseBoth(c, s) },
		"lost":  func(_, _ geminio.End, cut func()) { cut() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crec, srec := &harness.Recorder{}, &harness.Recorder{}
			c, s, cut := recorded(t, crec, srec, false)
			for i := range 30 {
				opener, acceptor := c, s
				if i%2 == 1 {
					opener, acceptor = s, c
				}
				opened, accepted := harness.OpenPair(t, opener, acceptor)
				switch i % 3 {
				case 0:
					require.NoError(t, opened.Close())
				case 1:
					require.NoError(t, accepted.Close())
				}
			}
			end(c, s, cut)
			for _, rec := range []*harness.Recorder{crec, srec} {
				rec.Await(t, "ConnOffline", 1)
				require.Len(t, rec.Of("DialogueOnline"), 30)
				seen := map[uint64]int{}
				for _, e := range rec.Of("DialogueOffline") {
					seen[e.StreamID]++
				}
				require.Len(t, seen, 30)
				for id, n := range seen {
					require.Equal(t, 1, n, "stream %d", id)
					require.NotEqualValues(t, 1, id, "the default stream has no callbacks")
				}
				require.Equal(t, "ConnOffline", rec.Names()[len(rec.Names())-1])
			}
			require.Len(t, srec.Of("ClosedStream"), 30)
		})
	}
}

func TestEndOfAStreamIsToldWhenBothDirectionsAreOver(t *testing.T) {
	t.Parallel()
	crec, srec := &harness.Recorder{}, &harness.Recorder{}
	c, s, _ := recorded(t, crec, srec, false)
	opened, accepted := harness.OpenPair(t, c, s)
	_, err := opened.Write([]byte("unread"))
	require.NoError(t, err)
	require.NoError(t, opened.(geminio.CloseWriter).CloseWrite())
	harness.Exchange(t, accepted, opened, "CloseWrite ends nothing")
	require.Empty(t, srec.Of("ClosedStream"))
	require.NoError(t, opened.Close())
	srec.Await(t, "ClosedStream", 1)
	srec.Await(t, "DialogueOffline", 1)
	crec.Await(t, "DialogueOffline", 1)
	require.Equal(t, "unread", string(harness.Read(t, accepted, 64)), "what arrived stays readable")
}

func TestRefusedStreamHasNoFurtherCallbacks(t *testing.T) {
	t.Parallel()
	crec, srec := &harness.Recorder{}, &harness.Recorder{}
	srec.StreamOnline = func(delegate.DialogueDescriber) error { return errors.New("refused") }
	c, s, _ := recorded(t, crec, srec, true)
	_, err := c.OpenStream()
	require.ErrorContains(t, err, "refused")
	require.NoError(t, c.Close())
	require.NoError(t, s.Close())
	srec.Await(t, "ConnOffline", 1)
	require.Equal(t, []string{"GetClientID", "ConnOnline", "DialogueOnline", "ConnOffline"}, srec.Names())
}

func TestRefusedClientHasNoOffline(t *testing.T) {
	t.Parallel()
	for _, rec := range []*harness.Recorder{
		{Identify: func(uint64, []byte) (uint64, error) { return 0, errors.New("no id for you") }},
		{Online: func(delegate.ConnDescriber) error { return errors.New("no id for you") }},
	} {
		copts, sopts := harness.ClientOptions(), harness.ServerOptions()
		crec := &harness.Recorder{}
		copts.SetDelegate(crec)
		sopts.SetDelegate(rec)
		_, address := harness.Listen(t, sopts)
		_, err := client.NewEnd("tcp", address, copts)
		require.EqualError(t, err, "no id for you")
		require.Empty(t, rec.Of("ConnOffline"))
		require.Empty(t, crec.Names())
	}
}

func TestAPanicInACallbackHurtsNobody(t *testing.T) {
	t.Parallel()
	crec, srec := &harness.Recorder{}, &harness.Recorder{}
	boom := func(delegate.DialogueDescriber) error { panic("boom") }
	srec.StreamOffline = boom
	srec.AcceptStream = func(geminio.Stream) { panic("boom") }
	srec.StreamIsClosed = func(geminio.Stream) { panic("boom") }
	srec.Registration = func(string, uint64, uint64) { panic("boom") }
	srec.Offline = func(delegate.ConnDescriber) error { panic("boom") }
	crec.StreamOffline = boom
	c, s, _ := recorded(t, crec, srec, true)
	opened, err := c.OpenStream()
	require.NoError(t, err)
	require.NoError(t, c.Register(harness.Context(t), "m", harness.EchoRPC))
	require.Equal(t, "x", call(t, s, "m", "x"))
	require.NoError(t, opened.Close())
	register(t, s, "echo", harness.EchoRPC)
	require.Equal(t, "on", call(t, c, "echo", "on"))
	require.Less(t, took(func() { require.NoError(t, c.Close()) }), 3*time.Second)
	crec.Await(t, "ConnOffline", 1)
}

func TestCallbacksOfOneStreamComeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	crec, srec := &harness.Recorder{}, &harness.Recorder{}
	release := make(chan struct{})
	srec.AcceptStream = func(geminio.Stream) { <-release }
	c, _, _ := recorded(t, crec, srec, true)
	opts := options.OpenStream()
	opts.SetWait(false)
	opened, err := c.OpenStream(opts)
	require.NoError(t, err)
	srec.Await(t, "DialogueOnline", 1)
	require.NoError(t, opened.Close())
	<-time.After(100 * time.Millisecond)
	require.Equal(t, []string{"GetClientID", "ConnOnline", "DialogueOnline"}, srec.Names())
	close(release)
	srec.Await(t, "ClosedStream", 1)
	require.Equal(t, []string{
		"GetClientID", "ConnOnline", "DialogueOnline", "AcceptStream", "DialogueOffline", "ClosedStream",
	}, srec.Names())
}

func TestCallbacksMayBlockWithoutHoldingUpTheConnection(t *testing.T) {
	t.Parallel()
	crec, srec := &harness.Recorder{}, &harness.Recorder{}
	release := make(chan struct{})
	wait := func() { <-release }
	srec.AcceptStream = func(st geminio.Stream) {
		if string(st.Meta()) == "slow" {
			wait()
		}
	}
	srec.Registration = func(string, uint64, uint64) { wait() }
	srec.StreamIsClosed = func(geminio.Stream) { wait() }
	c, s, _ := recorded(t, crec, srec, true)
	register(t, s, "echo", harness.EchoRPC)
	var wg sync.WaitGroup
	for range 10 {
		slow := options.OpenStream()
		slow.SetMeta([]byte("slow"))
		wg.Add(2)
		go func() {
			defer wg.Done()
			_, err := c.OpenStream(slow)
			assertNil(t, err)
		}()
		go func() {
			defer wg.Done()
			assertNil(t, c.Register(context.Background(), "m", harness.EchoRPC))
		}()
	}
	for range 20 {
		st, err := c.OpenStream()
		require.NoError(t, err)
		require.NoError(t, st.Close())
		require.Equal(t, "on", call(t, c, "echo", "on"))
	}
	close(release)
	harness.Within(t, harness.Soon, "the rest", wg.Wait)
}

func TestConnOfflineWaitsAtMostASecondForCallbacksOfStreams(t *testing.T) {
	t.Parallel()
	crec, srec := &harness.Recorder{}, &harness.Recorder{}
	release := make(chan struct{})
	defer close(release)
	srec.StreamIsClosed = func(geminio.Stream) { <-release }
	c, _, cut := recorded(t, crec, srec, true)
	_, err := c.OpenStream()
	require.NoError(t, err)
	start := time.Now()
	cut()
	srec.Await(t, "ConnOffline", 1)
	require.GreaterOrEqual(t, time.Since(start), 900*time.Millisecond, "it did not wait for the callback")
	require.Less(t, time.Since(start), 3*time.Second)
}
