package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLivenessAsData(t *testing.T) {
	const s, never = time.Second, -time.Hour
	for _, tt := range []struct {
		name        string
		beats       bool
		heard, beat time.Duration
		waiting     time.Duration
		asked       time.Duration
		rtt         time.Duration
		now         time.Duration
		want        prognosis
	}{
		{"all is well", true, 0, 0, never, never, 0, 2 * s, prognosis{again: s}},
		{"a beat is not missed yet", true, 3 * s, 0, never, never, 0, 3*s - 1, prognosis{again: time.Millisecond}},
		{"a beat is missed", true, 3 * s, 0, never, never, 0, 3 * s, prognosis{missed: true, again: 2 * s}},
		{"who does not beat misses none", false, 3 * s, 0, never, never, 0, 3 * s, prognosis{again: 2 * s}},
		{"silent for a while", false, 0, 0, never, never, 0, 7*s + s/2, prognosis{again: s + s/2}},
		{"silent almost as long as may be", false, 0, 0, never, never, 0, 9*s - 1, prognosis{again: time.Millisecond}},
		{"silent for two intervals and 5 s", false, 0, 0, never, never, 0, 9 * s, prognosis{dead: true, again: time.Millisecond}},
		{"heard since", true, 19 * s, 19 * s, never, never, 0, 20 * s, prognosis{again: 2 * s}},

		{"unanswered for a moment", false, 0, 0, 0, never, 0, s, prognosis{again: s}},
		{"unanswered for too long", false, 0, 0, 0, never, 0, 2 * s, prognosis{ask: true, again: 2 * s}},
		{"asked, not a word", false, 0, 0, 0, 2 * s, 0, 7*s - 1, prognosis{again: time.Millisecond}},
		{"asked, not a word for 5 s", false, 0, 0, 0, 2 * s, 0, 7 * s, prognosis{dead: true, again: time.Millisecond}},
		{"asked, not a word on a long way", false, 0, 0, 0, 2 * s, 1500 * time.Millisecond, 8 * s, prognosis{again: s}},
		{"asked, and something came", false, 3 * s, 0, 0, 2 * s, 0, 4*s - 1, prognosis{again: time.Millisecond}},
		{"asked, something came, unanswered still", false, 3 * s, 0, 0, 2 * s, 0, 4 * s, prognosis{ask: true, again: 2 * s}},
		{"asked some time before", false, 5 * s, 0, 6 * s, 2 * s, 0, 8 * s, prognosis{ask: true, again: 2 * s}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := liveness{interval: 2 * s, beats: tt.beats, beat: at(tt.beat)}
			v := vitals{heard: at(tt.heard), rtt: tt.rtt}
			if tt.waiting != never {
				v.waiting = at(tt.waiting)
			}
			if tt.asked != never {
				l.asked = at(tt.asked)
			}
			got := l.next(at(tt.now), v)
			if tt.want.dead {
				require.True(t, got.dead)
				return
			}
			require.Equal(t, tt.want, got)
			if tt.want.ask {
				require.Equal(t, at(tt.now), l.asked)
			}
		})
	}
}
