package conn

import "time"

const (
	// near is the round trip below which the bytes in flight are capped: it is
	// a loopback or a link where the cap costs nothing and a queue would cost
	// calls their latency.
	near = time.Millisecond

	capBesideCalls = 192 << 10
	capLeast       = 512 << 10
	callsRecent    = 5 * time.Millisecond

	roundLeast  = 64 << 10
	rttLife     = 10 * time.Second
	rttRenew    = 9 * time.Second
	holdLongest = 200 * time.Millisecond
	probeEvery  = time.Second
)

// flow decides how many stream bytes may be on the way: the in-flight cap. It
// is data: positions, times and round trips go in, a number comes out. The
// connection's mutex guards it.
//
// Priorities on one connection mean little while megabytes wait in the socket
// and in the peer's receive buffer, so these are kept few, by the peer's ACKs.
// Where the round trip is a millisecond or more, mere bulk is held by the
// replay limit alone, which grows with what the path takes.
type flow struct {
	acked uint64 // position up to which the peer has received

	streamSent  uint64 // stream bytes ever composed
	streamAcked uint64 // of them, those that lie below acked
	log         []span // batches with stream bytes above acked, oldest first

	rtt   time.Duration // the lowest of late; 0 while unknown
	rttAt time.Time     // when it was measured

	round struct {
		open  bool
		until uint64
		from  uint64 // acked when it began
		began time.Time
	}
	rate float64 // bytes a second, acknowledged

	// replay is how much may be unacknowledged of what is kept for that: all
	// of it where the session survives its transport, else stream bytes over a
	// long path.
	replay int
	full   bool // that limit has held something back since the last ACK

	lastCall  time.Time // when a call or message was composed
	lastProbe time.Time
	probe     uint64 // opaque of the probe under way, 0: none
	probes    uint64
	holdSince time.Time // stream bytes are held to measure an unloaded round trip; zero: not
}

// A span is where the stream bytes of one batch lie.
type span struct {
	start, end uint64 // positions
	before     uint64 // stream bytes composed before start
}

// inFlight returns the stream bytes that lie beyond what is acknowledged.
func (f *flow) inFlight() int { return int(f.streamSent - f.streamAcked) }

// limit returns the cap.
func (f *flow) limit(now time.Time) int {
	switch {
	case f.rtt >= near:
		return f.replay
	case now.Sub(f.lastCall) < callsRecent:
		return capBesideCalls
	}
	return max(capLeast, int(1.25*f.rate*f.rtt.Seconds()))
}

// room returns how many stream bytes may be composed now.
func (f *flow) room(now time.Time) int {
	if f.held(now) {
		return 0
	}
	return max(0, f.limit(now)-f.inFlight())
}

// held tells whether stream bytes wait for an unloaded round trip to be
// measured: before the lowest one expires under bulk, for everything measured
// then would contain the queue.
func (f *flow) held(now time.Time) bool {
	if f.holdSince.IsZero() {
		if f.rtt == 0 || f.rtt >= near || f.inFlight() == 0 || now.Sub(f.rttAt) < rttRenew {
			return false
		}
		f.holdSince, f.probe = now, 0
	}
	if now.Sub(f.holdSince) > holdLongest {
		f.holdSince = time.Time{}
		f.rttAt = now // it could not be measured: what we know stays
		return false
	}
	return true
}

// probeDue tells whether a PING should go out with the batch at hand, which
// has stream bytes or not.
func (f *flow) probeDue(now time.Time, bulk bool) bool {
	switch {
	case f.lastProbe.IsZero():
		return true
	case f.probe != 0 && now.Sub(f.lastProbe) < rttLife: // after that it will not be answered
		return false
	case !f.holdSince.IsZero():
		return f.inFlight() == 0
	}
	return bulk && now.Sub(f.lastProbe) >= probeEvery
}

// sendProbe notes a PING that goes out now and returns its opaque.
func (f *flow) sendProbe(now time.Time) uint64 {
	f.probes++
	f.probe, f.lastProbe = f.probes, now
	return f.probe
}

// pong notes the answer to a probe.
func (f *flow) pong(now time.Time, opaque uint64) {
	if opaque == 0 || opaque != f.probe {
		return
	}
	f.probe = 0
	f.measured(now, now.Sub(f.lastProbe), !f.holdSince.IsZero())
	f.holdSince = time.Time{}
}

// measured notes a round trip. An unloaded one counts whatever was known.
func (f *flow) measured(now time.Time, rtt time.Duration, unloaded bool) {
	if unloaded || f.rtt == 0 || rtt <= f.rtt || now.Sub(f.rttAt) > rttLife {
		f.rtt, f.rttAt = max(rtt, 1), now
	}
}

// composed notes a batch that ends at position end; stream bytes lie in it
// from start on, n of them.
func (f *flow) composed(now time.Time, start uint64, n int, end uint64) {
	if n > 0 {
		f.log = append(f.log, span{start: start, end: start + uint64(n), before: f.streamSent})
		f.streamSent += uint64(n)
	}
	if !f.round.open && end-f.acked >= roundLeast {
		f.round.open, f.round.until, f.round.from, f.round.began = true, end, f.acked, now
	}
}

// ack notes that the peer has received everything below pos.
func (f *flow) ack(now time.Time, pos uint64) {
	f.acked = pos
	i := 0
	for i < len(f.log) && f.log[i].end <= pos {
		i++
	}
	switch {
	case i < len(f.log):
		s := f.log[i]
		f.streamAcked = s.before
		if pos > s.start {
			f.streamAcked += pos - s.start
		}
	default:
		f.streamAcked = f.streamSent
	}
	f.log = f.log[:copy(f.log, f.log[i:])]

	if f.round.open && pos >= f.round.until {
		f.round.open = false
		f.roundDone(now.Sub(f.round.began), pos-f.round.from, now)
		f.grow()
	}
}

// grow raises the replay limit where that held something back and the path
// takes as much in a round trip.
func (f *flow) grow() {
	if f.full && f.rtt >= near && 2*f.rate*f.rtt.Seconds() > float64(f.replay) {
		f.replay = min(2*f.replay, replayMost)
	}
	f.full = false
}

// reattached says that the bytes go another way from now on: what was measured
// holds no more.
func (f *flow) reattached() {
	f.rtt, f.rttAt = 0, time.Time{}
	f.probe, f.lastProbe, f.holdSince = 0, time.Time{}, time.Time{}
	f.round.open = false
}

func (f *flow) roundDone(took time.Duration, bytes uint64, now time.Time) {
	took = max(took, 1)
	if took < f.rtt { // only ever lower: an ACK may have waited
		f.measured(now, took, false)
	}
	rate := float64(bytes) / took.Seconds()
	if rate > f.rate {
		f.rate += (rate - f.rate) / 2
	} else {
		f.rate += (rate - f.rate) / 8
	}
}
