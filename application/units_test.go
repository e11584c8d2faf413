package application

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
	"github.com/singchia/geminio/pkg/wait"
)

func TestSendCreditServesInOrderAndWhole(t *testing.T) {
	said := 0
	c := &sendCredit{owe: func() { said++ }}
	c.items.limit, c.bytes.limit = unlimited, 100
	waiters := []*wait.Waiter{wait.New(), wait.New(), wait.New()}
	require.True(t, c.take(60, waiters[0]))
	require.False(t, c.take(70, waiters[0]))
	require.False(t, c.take(10, waiters[1]), "it fits, but another came first")
	require.False(t, c.tryTake(10))
	require.False(t, c.take(5, waiters[2]))
	assert.Equal(t, 1, said, "one BLOCKED for each limit")
	at, due := uint64(0), false
	_, _, at, due = c.takeDue()
	assert.True(t, due)
	assert.Equal(t, uint64(100), at)
	_, _, _, due = c.takeDue()
	assert.False(t, due)

	c.abandon(waiters[0])
	assert.True(t, c.granted(waiters[1]), "who waited behind one that gave up")
	assert.True(t, c.granted(waiters[2]))
	assert.Equal(t, uint64(75), c.bytes.used)
	c.abandon(waiters[1])
	assert.Equal(t, uint64(65), c.bytes.used, "credit that came too late is given back")

	require.False(t, c.take(40, waiters[0]))
	assert.Equal(t, 1, said, "the limit is the same")
	c.give(5)
	assert.True(t, c.granted(waiters[0]))
	require.NoError(t, c.raise(unlimited, 100))
	assert.Equal(t, errLimitLowered, c.raise(unlimited, 99))

	require.False(t, c.take(1, waiters[1]))
	require.NoError(t, c.raise(unlimited, 100))
	c.abandon(waiters[1])
	_, _, _, due = c.takeDue()
	assert.False(t, due, "nobody waits any more")
}

func TestBodyMemoryForgetsWhoDoesNotWantItAnyMore(t *testing.T) {
	var owed []*announced
	m := &bodyMemory{left: 100, owe: func(a *announced) { owed = append(owed, a) }}
	a, b, c := &announced{size: 60, memory: m}, &announced{size: 60, memory: m}, &announced{size: 40, memory: m}
	for _, x := range []*announced{a, b, c} {
		m.ask(x)
	}
	assert.Equal(t, []*announced{a}, owed)
	m.free(c)
	assert.True(t, m.retract(a), "it was not told")
	assert.False(t, m.tell(a))
	assert.Equal(t, []*announced{a, b}, owed)
	assert.True(t, m.tell(b))
	assert.True(t, m.told(b))
	assert.False(t, m.retract(b))
	m.free(b)
	m.free(b)
	assert.Equal(t, 100, m.left)
	assert.Nil(t, m.first)
	assert.Nil(t, m.last)
}

func TestBufferGrowsWithTheBytesNotWithTheirAnnouncement(t *testing.T) {
	b := newIncoming(nil, packet.BodyHead{}, 0, 10<<20, nil)
	assert.Zero(t, cap(b.buf))
	part := []byte("x")
	for len(b.buf) < 10<<20 {
		before := cap(b.buf)
		require.NoError(t, b.add(part, len(b.buf)+len(part) == 10<<20))
		if held := cap(b.buf); held != before {
			assert.LessOrEqual(t, before+held, 64<<10+4*len(b.buf), "both, while one is copied to the other")
		}
		part = make([]byte, min(60000, 10<<20-len(b.buf)))
	}
	_, data := b.content()
	assert.Len(t, data, 10<<20)
}

func TestCallContextRunsAfterFuncsOnceUnlessStopped(t *testing.T) {
	c := new(callContext)
	ran := make(chan string, 3)
	context.AfterFunc(c, func() { ran <- "context" })
	c.AfterFunc(func() { ran <- "own" })
	stop := c.AfterFunc(func() { ran <- "stopped" })
	assert.True(t, stop())
	assert.False(t, stop())
	c.cancel()
	c.cancel()
	assert.ElementsMatch(t, []string{"context", "own"}, []string{get(t, ran), get(t, ran)})
	assert.False(t, c.AfterFunc(func() { ran <- "late" })())
	assert.Equal(t, "late", get(t, ran))
	<-c.Done()
	assert.Equal(t, context.Canceled, c.Err())
	assert.Nil(t, c.Value("key"))
	_, ok := c.Deadline()
	assert.False(t, ok)
}
