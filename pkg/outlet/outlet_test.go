package outlet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(t *testing.T, ch <-chan int) int {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		require.FailNow(t, "does not come")
		return 0
	}
}

func TestDeliverKeepsTheOrderOfAChannelWhoseReaderLags(t *testing.T) {
	for name, room := range map[string]int{"unbuffered": 0, "one": 1, "many": 100} {
		t.Run(name, func(t *testing.T) {
			var o Outlets[int]
			ch := make(chan int, room)
			for i := range 50 {
				o.Deliver(ch, i)
			}
			for i := range 50 {
				assert.Equal(t, i, get(t, ch))
			}
		})
	}
}

func TestDeliverToAFullChannelDoesNotDelayAnother(t *testing.T) {
	var o Outlets[int]
	full, other := make(chan int), make(chan int, 1)
	o.Deliver(full, 1)
	o.Deliver(other, 2)
	assert.Equal(t, 2, get(t, other))
	assert.Equal(t, 1, get(t, full))
}

func TestChannelThatItsOwnerClosedLosesItsOutcomes(t *testing.T) {
	var o Outlets[int]
	closed := make(chan int)
	close(closed)
	o.Deliver(closed, 1)
	assert.Empty(t, o.waiting)
	assert.False(t, o.send(closed, 1))
}
