package process

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/server"
	"github.com/singchia/geminio/test/harness"
)

func TestWhenTheClientIsKilledItsSessionWaitsUntilItsNextProcessReplacesIt(t *testing.T) {
	t.Parallel()
	var told journal
	addr, ends := serveHere(t, &told, nil)
	cli := start(t, "client", addr)
	end := get(t, ends, "the first End")

	want := []string{online}
	for n := 1; n <= kills(); n++ {
		require.EqualValues(t, clientID, end.ClientID())
		cli.await(t, working, 1)
		text := fmt.Sprint("before ", n)
		p := engage(t, end, text)
		cli.await(t, holding(text), 1)
		message := publish(t, end, text, withheld, options.CnssAtLeastOnce)
		cli.await(t, received(text, false), 1)

		cli.kill()
		told.await(t, suspended, n)
		meanwhile := harness.Go(func() error {
			_, err := end.Call(within(t), echo, end.NewRequest([]byte(text)))
			return err
		})

		<-time.After(outage)
		assert.Len(t, told.texts(offline), n-1, "it may still come back")
		cli = start(t, "client", addr)
		next := get(t, ends, "the End of the next process")
		want = append(want, suspended, offline, online)

		p.lost(t)
		_, err := end.Write([]byte("x"))
		lost(t, err, "write")
		callLost(t, get(t, message.Done, "the message that was received").Error, true, "message that was received")
		callLost(t, get(t, meanwhile, "the call made meanwhile"), false, "call that never left")
		_, err = end.Receive(within(t))
		for err == nil { // of the messages that had come
			_, err = end.Receive(within(t))
		}
		assert.Equal(t, io.EOF, err)

		assert.Equal(t, text, ask(t, next, echo, text))
		assertSessions(t, &told, clientID, want...)
		end = next
	}
	cli.await(t, working, 1)
	assert.Empty(t, cli.texts(failure))
}

func TestWhenTheClientIsKilledAndNobodyComesItsSessionEndsWithItsGrace(t *testing.T) {
	t.Parallel()
	const grace = 2 * time.Second
	var told journal
	opts := server.NewEndOptions()
	opts.SetResumeGrace(grace)
	addr, ends := serveHere(t, &told, opts)
	cli := start(t, "client", addr)
	end := get(t, ends, "the End")
	cli.await(t, working, 1)
	p := engage(t, end, "before")
	cli.await(t, holding("before"), 1)
	cli.kill()
	since := told.await(t, suspended, 1).at
	waited := told.await(t, offline, 1).at.Sub(since)
	assert.Greater(t, waited, grace-100*time.Millisecond)
	assert.Less(t, waited, grace+time.Second)
	p.lost(t)
	_, err := end.Call(within(t), echo, end.NewRequest(nil))
	assert.Equal(t, io.EOF, err)
	assertSessions(t, &told, clientID, online, suspended, offline)
}
