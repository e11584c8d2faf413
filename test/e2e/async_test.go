package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
	"github.com/singchia/geminio/test/harness"
)

const (
	// asyncEach is how many calls, and messages, each of asyncSenders has under
	// way.
	asyncSenders, asyncEach = 4, 300

	// asyncShort is a timeout that some of them outlast and others do not.
	asyncShort = 5 * time.Millisecond
)

// TestOutcomesOfManyAtOnceAreDeliveredOnceAndNotMixed has calls and messages
// under way at once, with a short timeout and without: each outcome is its own,
// and comes once, also where the End closes in their midst.
func TestOutcomesOfManyAtOnceAreDeliveredOnceAndNotMixed(t *testing.T) {
	for name, closes := range map[string]bool{"to their end": false, "until the End closes": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, s := tcpEnds(t)
			go decideByData(s)
			var senders sync.WaitGroup
			for i := range asyncSenders {
				senders.Add(2)
				go func() {
					defer senders.Done()
					manyCalls(t, c, i, closes)
				}()
				go func() {
					defer senders.Done()
					manyMessages(t, c, i, closes)
				}()
			}
			harness.Within(t, time.Minute, "all outcomes", senders.Wait)
		})
	}
}

// decideByData refuses the messages whose data says so, with it as the text.
func decideByData(s geminio.End) {
	for {
		m, err := s.Receive(context.Background())
		if err != nil {
			return
		}
		if data := string(m.Data()); strings.HasPrefix(data, "refuse") {
			_ = m.Error(errors.New(data))
		} else {
			_ = m.Done()
		}
	}
}

// manyCalls makes calls and looks at their outcomes. With closes it closes c
// when it has made half of them. Only those with a timeout, or where c closes,
// may fail.
func manyCalls(t *testing.T, c geminio.End, sender int, closes bool) {
	outcomes := make(chan *geminio.Call, asyncEach)
	mayFail := make(map[*geminio.Call]bool) // those whose outcome has not come
	for i := range asyncEach {
		opts := options.Call()
		if i%3 == 0 {
			opts.SetTimeout(asyncShort)
		}
		call, err := c.CallAsync(context.Background(), "echo", c.NewRequest(fmt.Appendf(nil, "call %d of %d", i, sender)), outcomes, opts)
		if err != nil {
			assert.True(t, closes || i%3 == 0, err)
			continue
		}
		mayFail[call] = closes || i%3 == 0
		if closes && sender == 0 && i == asyncEach/2 {
			go c.Close()
		}
	}
	for range len(mayFail) {
		got := <-outcomes
		allowed, made := mayFail[got]
		assert.True(t, made, "it came twice, or is nobody's")
		delete(mayFail, got)
		if got.Error != nil {
			assert.True(t, allowed, got.Error)
			continue
		}
		assert.Equal(t, string(got.Request.Data()), string(got.Response.Data()))
	}
	assert.Empty(t, outcomes)
}

// manyMessages is manyCalls for messages, of which every other is refused.
func manyMessages(t *testing.T, c geminio.End, sender int, closes bool) {
	outcomes := make(chan *geminio.Publish, asyncEach)
	mayFail := make(map[*geminio.Publish]bool) // those whose outcome has not come
	for i := range asyncEach {
		opts := options.Publish()
		if i%3 == 0 {
			opts.SetTimeout(asyncShort)
		}
		word := [...]string{"take", "refuse"}[i%2]
		publish, err := c.PublishAsync(context.Background(), c.NewMessage(fmt.Appendf(nil, "%s %d of %d", word, i, sender)), outcomes, opts)
		if err != nil {
			assert.True(t, closes || i%3 == 0, err)
			continue
		}
		mayFail[publish] = closes || i%3 == 0
	}
	for range len(mayFail) {
		got := <-outcomes
		allowed, made := mayFail[got]
		assert.True(t, made, "it came twice, or is nobody's")
		delete(mayFail, got)
		data := string(got.Message.Data())
		var refused *geminio.RemoteError
		switch {
		case errors.As(got.Error, &refused):
			assert.Equal(t, data, refused.Text)
		case got.Error != nil:
			assert.True(t, allowed, got.Error)
		default:
			assert.True(t, strings.HasPrefix(data, "take"), data)
		}
	}
	assert.Empty(t, outcomes)
}
