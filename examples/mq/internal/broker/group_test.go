package broker

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// leasedGroup returns a group that may give out n messages.
func leasedGroup(t *testing.T, n uint64) *group {
	t.Helper()
	g := newGroup(0, n)
	taken, _, lease := g.take(1)
	require.Empty(t, taken, "nothing before the lease is on disk")
	require.True(t, lease)
	g.leaseSaved(nil)
	return g
}

func TestEachMessageIsTakenOnceUntilItIsGivenBack(t *testing.T) {
	g := leasedGroup(t, 3)
	first, _, _ := g.take(2)
	assert.Equal(t, []delivery{{0, false}, {1, false}}, first)
	second, _, _ := g.take(2)
	assert.Equal(t, []delivery{{2, false}}, second)
	none, changed, _ := g.take(2)
	assert.Empty(t, none)
	g.ack(2)
	assert.Zero(t, g.committedTo())
	g.giveBack(1, 0)
	<-changed
	again, _, _ := g.take(1)
	assert.Equal(t, []delivery{{0, true}}, again)
	g.ack(0)
	assert.Equal(t, uint64(1), g.committedTo())
	again, _, _ = g.take(1)
	assert.Equal(t, []delivery{{1, true}}, again)
	g.ack(1)
	assert.Equal(t, uint64(3), g.committedTo())
}

func TestARestartedGroupMarksWhatMayHaveBeenTaken(t *testing.T) {
	g := leasedGroup(t, 5)
	taken, _, _ := g.take(4)
	require.Len(t, taken, 4)
	g.ack(0)
	g.ack(2)
	g = loadGroup(g.state(), 0, leaseStep+2)
	assert.Equal(t, uint64(1), g.committedTo())
	taken, _, lease := g.take(2)
	assert.Equal(t, []delivery{{1, true}, {3, true}}, taken)
	assert.False(t, lease)
	for g.next < leaseStep-1 {
		taken, _, lease = g.take(1)
		if lease {
			g.leaseSaved(nil)
		}
		g.ack(taken[0].offset)
	}
	g.ack(1)
	g.ack(3)
	taken, _, _ = g.take(2)
	assert.Equal(t, []delivery{{leaseStep - 1, true}, {leaseStep, false}}, taken)
}

func TestAGroupDoesNotRunAwayFromAMessageThatIsNotAcknowledged(t *testing.T) {
	g := leasedGroup(t, 3*window)
	taken := 0
	for {
		got, _, lease := g.take(100)
		if lease {
			g.leaseSaved(nil)
		}
		if len(got) == 0 {
			break
		}
		taken += len(got)
	}
	assert.Equal(t, window, taken)
	g.ack(0)
	got, _, _ := g.take(100)
	assert.Len(t, got, 1)
}

func TestALeaseThatFailedIsAskedForAgain(t *testing.T) {
	g := newGroup(7, 8)
	_, _, lease := g.take(1)
	require.True(t, lease)
	_, changed, lease := g.take(1)
	require.False(t, lease)
	g.leaseSaved(errors.New("disk full"))
	<-changed
	_, _, lease = g.take(1)
	require.True(t, lease)
}
