//go:build go1.25

package outlet

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestReaderHasFiveSecondsForEachOutcomeAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		o := Outlets[int]{Ended: ended}
		ch := make(chan int)
		for i := range 4 {
			o.Deliver(ch, i)
		}
		time.Sleep(time.Hour)
		assert.Equal(t, 0, <-ch, "nothing has ended")
		close(ended)
		synctest.Wait()
		for i := 1; i < 3; i++ {
			time.Sleep(lastChance - time.Nanosecond)
			synctest.Wait()
			assert.Equal(t, i, <-ch)
			synctest.Wait()
		}
		time.Sleep(lastChance)
		synctest.Wait()
		select {
		case v := <-ch:
			assert.Failf(t, "too late", "%d", v)
		default:
		}
		assert.Empty(t, o.waiting)
	})
}
