package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLivenessAsData(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name         string
		beats        bool
		heard, beat  time.Duration
		now          time.Duration
		dead, missed bool
		again        time.Duration
	}{
		{"all is well", true, 0, 0, 2 * s, false, false, 2 * s},
		{"a beat is not missed yet", true, 3 * s, 0, 3*s - 1, false, false, 2 * s},
		{"a beat is missed", true, 3 * s, 0, 3 * s, false, true, 2 * s},
		{"who does not beat misses none", false, 3 * s, 0, 3 * s, false, false, 2 * s},
		{"silent for a while", false, 0, 0, 7*s + s/2, false, false, s + s/2},
		{"silent almost as long as may be", false, 0, 0, 9*s - 1, false, false, 1},
		{"silent for two intervals and 5 s", false, 0, 0, 9 * s, true, false, 0},
		{"dead before missed", true, 0, 0, 20 * s, true, false, 0},
		{"heard since", true, 19 * s, 19 * s, 20 * s, false, false, 2 * s},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := liveness{interval: 2 * s, beats: tt.beats, beat: at(tt.beat)}
			dead, missed, again := l.next(at(tt.now), at(tt.heard))
			require.Equal(t, tt.dead, dead)
			require.Equal(t, tt.missed, missed)
			require.Equal(t, tt.again, again)
		})
	}
}
