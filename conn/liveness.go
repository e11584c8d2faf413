package conn

import "time"

const (
	defaultHeartbeat = 20 * time.Second
	leastHeartbeat   = 10 * time.Millisecond

	// beatMargin is added to two intervals: the silence after which a peer is
	// dead.
	beatMargin = 5 * time.Second

	// suspectAfter is how long what was sent may be unacknowledged before the
	// peer is asked whether it lives, answerLeast how long it has at least to
	// say anything at all then.
	suspectAfter = 2 * time.Second
	answerLeast  = 5 * time.Second
)

// liveness decides, as data, when to beat and when the peer is dead. Any
// received byte is life.
type liveness struct {
	interval time.Duration
	beats    bool // this side is the one that beats
	beat     time.Time
	asked    time.Time // when the peer was last asked because it was suspected

	// eager has a beat that is not answered count as asked: another transport
	// costs nothing, and the grace of a peer that has noticed already runs.
	eager bool
}

// silence is how long a living peer may be silent.
func (l *liveness) silence() time.Duration { return 2*l.interval + beatMargin }

// vitals is what is known of the peer.
type vitals struct {
	heard   time.Time     // when it last said anything
	waiting time.Time     // since when what was sent is unacknowledged, without progress; zero: nothing is
	rtt     time.Duration // 0: unknown
}

// A prognosis is what liveness makes of it.
type prognosis struct {
	dead   bool
	missed bool // a beat, by whoever should have caused it
	ask    bool // the peer is to be asked now
	again  time.Duration
}

// next tells what is to be done at now, and when to look again.
func (l *liveness) next(now time.Time, v vitals) prognosis {
	left := l.silence() - now.Sub(v.heard)
	p := prognosis{again: l.interval}
	patience := max(answerLeast, 4*v.rtt+time.Second)
	if l.eager && l.beats && v.heard.Before(l.beat) {
		left = min(left, patience-now.Sub(l.beat))
	}
	if l.beats {
		due := l.interval + l.interval/2 - now.Sub(l.beat)
		if p.missed = due <= 0; !p.missed {
			p.again = min(p.again, due)
		}
	}
	switch {
	case v.waiting.IsZero():
	case !l.asked.Before(v.waiting) && v.heard.Before(l.asked):
		left = min(left, patience-now.Sub(l.asked))
	default:
		since := v.waiting
		if l.asked.After(since) {
			since = l.asked
		}
		suspicion := suspectAfter - now.Sub(since)
		if suspicion <= 0 {
			p.ask, l.asked, suspicion = true, now, answerLeast
		}
		p.again = min(p.again, suspicion)
	}
	p.dead = left <= 0
	p.again = max(min(p.again, left), time.Millisecond)
	return p
}
