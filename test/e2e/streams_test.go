package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/delegate"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/test/harness"
)

func TestStreamIDsAreTheSameOnBothSidesAndNeverTwice(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	require.EqualValues(t, 1, c.StreamID())
	require.EqualValues(t, 1, s.StreamID())
	const each = 50
	var mu sync.Mutex
	seen := map[uint64]int{1: 2}
	var wg sync.WaitGroup
	note := func(st geminio.Stream, err error) {
		defer wg.Done()
		if err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		seen[st.StreamID()]++
		mu.Unlock()
	}
	for _, end := range []geminio.End{c, s} {
		for range each {
			wg.Add(2)
			go func() { note(end.OpenStream()) }()
			go func() { note(end.AcceptStream()) }()
		}
	}
	harness.Within(t, harness.Soon, "the opens", wg.Wait)
	require.Len(t, seen, 2*each+1)
	for id, n := range seen {
		require.Equal(t, 2, n, "stream %d", id)
	}
}

func TestAStreamKnowsWhoOpenedItAndHow(t *testing.T) {
	t.Parallel()
	copts := harness.ClientOptions()
	copts.SetMeta([]byte("client meta"))
	c, s := harness.Ends(t, harness.TCP, copts, nil)
	require.Equal(t, "client meta", string(c.Meta()))
	require.Equal(t, "client meta", string(s.Meta()))
	require.Equal(t, geminio.InitiatorSide, c.Side())
	require.Equal(t, geminio.RecipientSide, s.Side())
	for _, pair := range [][2]geminio.End{{c, s}, {s, c}} {
		opts := options.OpenStream()
		opts.SetMeta([]byte("meta"))
		opts.SetPeer("peer")
		opened, err := pair[0].OpenStream(opts)
		require.NoError(t, err)
		accepted, err := pair[1].AcceptStream()
		require.NoError(t, err)
		require.Equal(t, geminio.InitiatorSide, opened.Side())
		require.Equal(t, geminio.RecipientSide, accepted.Side())
		for _, st := range []geminio.Stream{opened, accepted} {
			require.Equal(t, "meta", string(st.Meta()))
			require.Equal(t, "peer", st.Peer())
			require.Equal(t, c.ClientID(), st.ClientID())
			require.Equal(t, "tcp", st.LocalAddr().Network())
		}
		require.Equal(t, opened.LocalAddr().String(), accepted.RemoteAddr().String())
		require.Equal(t, opened.RemoteAddr().String(), accepted.LocalAddr().String())
	}
}

func ids(streams []geminio.Stream) []uint64 {
	var ids []uint64
	for _, st := range streams {
		ids = append(ids, st.StreamID())
	}
	return ids
}

func TestListStreamsHasWhatIsOpenAndAccepted(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	opened, err := c.OpenStream()
	require.NoError(t, err)
	require.ElementsMatch(t, []uint64{1, opened.StreamID()}, ids(c.ListStreams()))
	require.ElementsMatch(t, []uint64{1}, ids(s.ListStreams()), "it is not accepted yet")
	accepted, err := s.AcceptStream()
	require.NoError(t, err)
	require.ElementsMatch(t, []uint64{1, accepted.StreamID()}, ids(s.ListStreams()))
	require.NoError(t, opened.Close())
	gone := func(end geminio.End) func() error {
		return func() error {
			if n := len(end.ListStreams()); n != 1 {
				return fmt.Errorf("%d streams are listed", n)
			}
			return nil
		}
	}
	harness.Eventually(t, gone(c))
	harness.Eventually(t, gone(s))
}

func TestASmallWriteIsReadWhole(t *testing.T) {
	for _, carrier := range harness.Carriers() {
		t.Run(carrier.Name, func(t *testing.T) {
			t.Parallel()
			c, s := harness.Ends(t, carrier, nil, nil)
			opened, accepted := harness.OpenPair(t, c, s)
			pattern := harness.Pattern(4096)
			for i := range 2000 {
				size := 1 + i*37%4096
				n, err := opened.Write(pattern[:size])
				require.NoError(t, err)
				require.Equal(t, size, n)
				require.True(t, bytes.Equal(pattern[:size], harness.Read(t, accepted, 4096)), "write %d", i)
			}
		})
	}
}

func TestSmallWritesAreNotSplitThoughManyAreUnderWay(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	opened, accepted := harness.OpenPair(t, c, s)
	const count, size = 5000, 1000
	wrote := harness.Go(func() error {
		for i := range count {
			if _, err := opened.Write(bytes.Repeat([]byte{byte(i)}, size)); err != nil {
				return err
			}
		}
		return nil
	})
	for left := count * size; left > 0; {
		got := harness.Read(t, accepted, 60*size)
		require.Zero(t, len(got)%size, "a write was split")
		left -= len(got)
	}
	require.NoError(t, harness.Get(t, wrote, "the writer"))
}

func TestAWriteOfNothingDoesNothing(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	opened, accepted := harness.OpenPair(t, c, s)
	n, err := opened.Write(nil)
	require.NoError(t, err)
	require.Zero(t, n)
	harness.Exchange(t, opened, accepted, "something")
}

func TestAWriteMayHaveAnySize(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	opened, accepted := harness.OpenPair(t, c, s)
	sent := harness.Pattern(packet.MaxDecodablePacketLen*2 + 1)
	wrote := harness.Go(func() error {
		n, err := opened.Write(sent)
		if n != len(sent) {
			return errors.Join(err, fmt.Errorf("wrote %d", n))
		}
		return errors.Join(err, opened.Close())
	})
	got, err := io.ReadAll(accepted)
	require.NoError(t, err)
	require.NoError(t, harness.Get(t, wrote, "the writer"))
	require.True(t, bytes.Equal(sent, got))
}

func TestHalfCloseEndsOneDirection(t *testing.T) {
	for _, carrier := range harness.Carriers() {
		t.Run(carrier.Name, func(t *testing.T) {
			t.Parallel()
			c, s := harness.Ends(t, carrier, nil, nil)
			require.NoError(t, s.Hijack(harness.Echo))
			opened, accepted := harness.OpenPair(t, c, s)
			register(t, accepted, "echo", harness.EchoRPC)
			for _, pair := range [][2]geminio.Stream{{opened, accepted}, {c, s}} {
				from, to := pair[0], pair[1]
				_, err := from.Write([]byte("the rest"))
				require.NoError(t, err)
				require.NoError(t, from.(geminio.CloseWriter).CloseWrite())
				require.NoError(t, from.(geminio.CloseWriter).CloseWrite(), "again")
				got, err := io.ReadAll(to)
				require.NoError(t, err)
				require.Equal(t, "the rest", string(got))
				_, err = from.Write([]byte("more"))
				require.Error(t, err)
				harness.Exchange(t, to, from, "the other direction")
				require.Equal(t, "calls", call(t, from, "echo", "calls"))
				done := publish(from, from.NewMessage([]byte("m")))
				require.NoError(t, receive(t, to).Done())
				require.NoError(t, harness.Get(t, done, "the end of Publish"))
			}
			require.Len(t, c.ListStreams(), 2, "CloseWrite ended the stream")
		})
	}
}

func TestCloseReadStopsTheWriter(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	opened, accepted := harness.OpenPair(t, c, s)
	wrote := harness.Go(func() error {
		_, err := opened.Write(make([]byte, 64<<20))
		return err
	})
	harness.Read(t, accepted, 10)
	require.NoError(t, accepted.(geminio.CloseReader).CloseRead())
	err := harness.Get(t, wrote, "the end of Write")
	var se *geminio.StreamError
	require.ErrorAs(t, err, &se)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	_, err = accepted.Read(make([]byte, 1))
	require.True(t, err == io.EOF, "%v", err)
	harness.Exchange(t, accepted, opened, "the other direction")
}

func TestStreamsAndEndsCopyByThemselves(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	opened, accepted := harness.OpenPair(t, c, s)
	for _, st := range []geminio.Stream{c, s, opened, accepted} {
		require.Implements(t, (*io.WriterTo)(nil), st)
		require.Implements(t, (*io.ReaderFrom)(nil), st)
		require.Implements(t, (*geminio.CloseWriter)(nil), st)
		require.Implements(t, (*geminio.CloseReader)(nil), st)
	}
	sent := harness.Pattern(5 << 20)
	wrote := harness.Go(func() error {
		n, err := opened.(io.ReaderFrom).ReadFrom(bytes.NewReader(sent))
		if n != int64(len(sent)) {
			return errors.Join(err, fmt.Errorf("copied %d", n))
		}
		return errors.Join(err, opened.Close())
	})
	var got bytes.Buffer
	n, err := accepted.(io.WriterTo).WriteTo(&got)
	require.NoError(t, err)
	require.EqualValues(t, len(sent), n)
	require.NoError(t, harness.Get(t, wrote, "the writer"))
	require.True(t, bytes.Equal(sent, got.Bytes()))
}

func TestOpenStreamReturnsAfterAcceptStreamFunc(t *testing.T) {
	t.Parallel()
	release, entered := make(chan struct{}), make(chan geminio.Stream, 10)
	sopts := harness.ServerOptions()
	sopts.SetAcceptStreamFunc(func(st geminio.Stream) {
		entered <- st
		<-release
	})
	c, s := harness.Ends(t, harness.TCP, nil, sopts)
	var opens []<-chan error
	for range 8 {
		opens = append(opens, harness.Go(func() error {
			_, err := c.OpenStream()
			return err
		}))
	}
	for range 8 {
		harness.Get(t, entered, "callbacks side by side")
	}
	opts := options.OpenStream()
	opts.SetWait(false)
	_, err := c.OpenStream(opts)
	require.NoError(t, err, "SetWait(false) waits")
	for _, open := range opens {
		require.Empty(t, open)
	}
	_, err = s.AcceptStream()
	require.EqualError(t, err, "accept channel not enabled")
	close(release)
	for _, open := range opens {
		require.NoError(t, harness.Get(t, open, "the end of OpenStream"))
	}
}

func TestStreamsAreAcceptedInTheOrderTheyWereOpened(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	var opened []uint64
	for range 100 {
		st, err := c.OpenStream()
		require.NoError(t, err)
		opened = append(opened, st.StreamID())
	}
	for _, id := range opened {
		st, err := s.AcceptStream()
		require.NoError(t, err)
		require.Equal(t, id, st.StreamID())
	}
}

func TestOpensBeyondTheBacklogWaitUntilOneIsAccepted(t *testing.T) {
	t.Parallel()
	sopts := harness.ServerOptions()
	sopts.SetLimits(options.Limits{OpenBacklog: 2, MaxStreams: 4})
	c, s := harness.Ends(t, harness.TCP, nil, sopts)
	var opened []geminio.Stream
	open := func() <-chan error {
		return harness.Go(func() error {
			st, err := c.OpenStream()
			opened = append(opened, st)
			return err
		})
	}
	require.NoError(t, harness.Get(t, open(), "the first"))
	require.NoError(t, harness.Get(t, open(), "the second"))
	third := open()
	select {
	case err := <-third:
		t.Fatal("the third did not wait: ", err)
	case <-time.After(100 * time.Millisecond):
	}
	accept := func() {
		_, err := s.AcceptStream()
		require.NoError(t, err)
	}
	accept()
	require.NoError(t, harness.Get(t, third, "the third"))
	accept()
	require.NoError(t, harness.Get(t, open(), "the fourth"))
	accept()
	accept()
	fifth := open()
	select {
	case err := <-fifth:
		t.Fatal("more streams than the limit: ", err)
	case <-time.After(100 * time.Millisecond):
	}
	require.NoError(t, opened[0].Close())
	require.NoError(t, harness.Get(t, fifth, "the fifth"))
}

func TestRefusedStreamIsTheOpenersError(t *testing.T) {
	t.Parallel()
	rec := &harness.Recorder{StreamOnline: func(d delegate.DialogueDescriber) error {
		if string(d.Meta()) == "bad" {
			return errors.New("not this one")
		}
		return nil
	}}
	sopts := harness.ServerOptions()
	sopts.SetDelegate(rec)
	c, s := harness.Ends(t, harness.TCP, nil, sopts)
	bad := options.OpenStream()
	bad.SetMeta([]byte("bad"))
	_, err := c.OpenStream(bad)
	require.ErrorContains(t, err, "not this one")
	_, err = s.OpenStream(bad)
	require.EqualError(t, err, "not this one", "the opener's own delegate")
	opened, accepted := harness.OpenPair(t, c, s)
	harness.Exchange(t, opened, accepted, "this one")
	require.Len(t, c.ListStreams(), 2)
	harness.Eventually(t, func() error {
		if n := len(s.ListStreams()); n != 2 {
			return fmt.Errorf("%d streams are listed", n)
		}
		return nil
	})
}

func TestEndIsAListenerOfItsStreams(t *testing.T) {
	t.Parallel()
	c, s := harness.Ends(t, harness.TCP, nil, nil)
	require.Equal(t, s.LocalAddr(), s.Addr())
	opened, err := c.OpenStream()
	require.NoError(t, err)
	var l net.Listener = s
	conn, err := l.Accept()
	require.NoError(t, err)
	harness.Exchange(t, opened, conn, "accepted")
	require.Equal(t, opened.StreamID(), conn.(geminio.Stream).StreamID())
}
