package conn

import "time"

const (
	defaultHeartbeat = 20 * time.Second
	leastHeartbeat   = 10 * time.Millisecond

	// beatMargin is added to two intervals: the silence after which a peer is
	// dead.
	beatMargin = 5 * time.Second
)

// liveness decides, as data, when to beat and when the peer is dead. Any
// received byte is life.
type liveness struct {
	interval time.Duration
	beats    bool // this side is the one that beats
	beat     time.Time
}

// silence is how long a living peer may be silent.
func (l *liveness) silence() time.Duration { return 2*l.interval + beatMargin }

// next tells, at now, whether the peer, last heard at heard, is dead; whether
// a beat was missed by whoever should have caused it; and when to look again.
func (l *liveness) next(now, heard time.Time) (dead, missed bool, again time.Duration) {
	left := l.silence() - now.Sub(heard)
	if left <= 0 {
		return true, false, 0
	}
	missed = l.beats && now.Sub(l.beat) >= l.interval+l.interval/2
	return false, missed, min(left, l.interval)
}
