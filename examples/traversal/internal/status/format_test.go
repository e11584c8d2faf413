package status

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestBytesAreWrittenShort(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.00 KiB", 1152: "1.13 KiB", 1536: "1.50 KiB", 10 << 10: "10.0 KiB",
		256 << 20: "256 MiB", 5 << 30: "5.00 GiB", 3 << 40: "3.00 TiB", math.MaxInt64: "8.00 EiB",
	} {
		assert.Equal(t, want, formatBytes(n))
	}
}

func TestSpansAreWrittenWithTheirTwoLargestUnits(t *testing.T) {
	now := time.Now()
	for span, want := range map[time.Duration]string{
		-time.Second: "0 s", 59900 * time.Millisecond: "59 s", 61 * time.Second: "1 min 1 s",
		3*time.Hour + 12*time.Minute: "3 h 12 min", 49 * time.Hour: "2 d 1 h",
	} {
		assert.Equal(t, want, formatSpan(now.Add(-span), now))
	}
	assert.Equal(t, "–", formatSpan(time.Time{}, now))
	assert.Empty(t, formatStamp(time.Time{}))
}
