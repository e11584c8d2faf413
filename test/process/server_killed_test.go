package process

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/test/harness"
)

// backWithin is how soon after a server is back a call must succeed, at the median.
const backWithin = 2 * time.Second

func TestWhenTheServerIsKilledWhatIsLostIsToldOnceAndTheRestGoesOnWithTheNext(t *testing.T) {
	t.Parallel()
	var told journal
	srv, addr, _ := startServer(t, "127.0.0.1:0")
	end := dial(t, addr, &told)
	id := end.ClientID()

	var took []time.Duration
	want := []string{online}
	for n := 1; n <= kills(); n++ {
		text := fmt.Sprint("before ", n)
		p := engage(t, end, text)
		srv.await(t, holding(text), 1)
		least := publish(t, end, text, withheld, options.CnssAtLeastOnce)
		once := publish(t, end, "once "+text, withheld, options.CnssAtEffectiveOnce)
		srv.await(t, received(text, false), 1)
		srv.await(t, received("once "+text, false), 1)

		srv.kill()
		told.await(t, suspended, n)

		// These begin while there is no server, and know nothing of it.
		later := fmt.Sprint("meanwhile ", n)
		called := harness.Go(func() error {
			_, err := end.Call(within(t), echo, end.NewRequest([]byte(later)))
			return err
		})
		least2 := publish(t, end, later, taken, options.CnssAtLeastOnce)
		once2 := publish(t, end, "once "+later, taken, options.CnssAtEffectiveOnce)

		<-time.After(outage)
		var since time.Time
		srv, _, since = startServer(t, addr)
		require.NoError(t, get(t, called, "the call made meanwhile"))
		took = append(took, time.Since(since))
		told.await(t, reOnline, n)
		want = append(want, suspended, offline, online, reOnline)

		p.lost(t)
		_, err := end.Write([]byte("x"))
		lost(t, err, "first write after it")
		require.NoError(t, echoed(t, end, text), "the second one and its read")

		assert.NoError(t, get(t, least.Done, "at least once").Error)
		callLost(t, get(t, once.Done, "effectively once").Error, true, "effectively once, unknown to this server")
		assert.NoError(t, get(t, least2.Done, "at least once, meanwhile").Error)
		assert.NoError(t, get(t, once2.Done, "effectively once, meanwhile").Error)
		srv.await(t, received("once "+later, false), 1) // what it prints may be behind
		assert.Equal(t, []string{received(text, true), received(later, false), received("once "+later, false)}, srv.texts("received "))

		stream, err := end.OpenStream()
		require.NoError(t, err)
		require.NoError(t, echoed(t, stream, text))
		require.NoError(t, stream.Close())
		assert.Equal(t, text, ask(t, end, back, text), "what was registered")
		assert.Empty(t, ask(t, end, twice, ""))
		assert.Equal(t, id, end.ClientID())
	}

	require.NoError(t, end.Close())
	told.await(t, offline, kills()+1)
	assertSessions(t, &told, id, append(want, offline)...)

	slices.Sort(took)
	median := took[len(took)/2]
	t.Logf("%d kills, first good call after the server is back: median %v, of %v to %v", kills(), median, took[0], took[len(took)-1])
	assert.LessOrEqual(t, median, backWithin)
}
