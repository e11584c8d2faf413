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
		eager       bool
	}{
		{"all is well", true, 0, 0, never, never, 0, 2 * s, prognosis{again: s}, false},
		{"a beat is not missed yet", true, 3 * s, 0, never, never, 0, 3*s - 1, prognosis{again: time.Millisecond}, false},
		{"a beat is missed", true, 3 * s, 0, never, never, 0, 3 * s, prognosis{missed: true, again: 2 * s}, false},
		{"who does not beat misses none", false, 3 * s, 0, never, never, 0, 3 * s, prognosis{again: 2 * s}, false},
		{"silent for a while", false, 0, 0, never, never, 0, 7*s + s/2, prognosis{again: s + s/2}, false},
		{"silent almost as long as may be", false, 0, 0, never, never, 0, 9*s - 1, prognosis{again: time.Millisecond}, false},
		{"silent for two intervals and 5 s", false, 0, 0, never, never, 0, 9 * s, prognosis{dead: true, again: time.Millisecond}, false},
		{"heard since", true, 19 * s, 19 * s, never, never, 0, 20 * s, prognosis{again: 2 * s}, false},

		{"unanswered for a moment", false, 0, 0, 0, never, 0, s, prognosis{again: s}, false},
		{"unanswered for too long", false, 0, 0, 0, never, 0, 2 * s, prognosis{ask: true, again: 2 * s}, false},
		{"asked, not a word", false, 0, 0, 0, 2 * s, 0, 7*s - 1, prognosis{again: time.Millisecond}, false},
		{"asked, not a word for 5 s", false, 0, 0, 0, 2 * s, 0, 7 * s, prognosis{dead: true, again: time.Millisecond}, false},
		{"asked, not a word on a long way", false, 0, 0, 0, 2 * s, 1500 * time.Millisecond, 8 * s, prognosis{again: s}, false},
		{"asked, and something came", false, 3 * s, 0, 0, 2 * s, 0, 4*s - 1, prognosis{again: time.Millisecond}, false},
		{"asked, something came, unanswered still", false, 3 * s, 0, 0, 2 * s, 0, 4 * s, prognosis{ask: true, again: 2 * s}, false},
		{"asked some time before", false, 5 * s, 0, 6 * s, 2 * s, 0, 8 * s, prognosis{ask: true, again: 2 * s}, false},

		{"a beat is not answered", true, s, 2 * s, never, never, 0, 4 * s, prognosis{again: s}, true},
		{"a beat is not answered for 5 s", true, s, 2 * s, never, never, 0, 7 * s, prognosis{dead: true, again: time.Millisecond}, true},
		{"a beat is answered", true, 2 * s, 2 * s, never, never, 0, 4 * s, prognosis{again: s}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := liveness{interval: 2 * s, beats: tt.beats, beat: at(tt.beat), eager: tt.eager}
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
