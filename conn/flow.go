package conn

import (
	"slices"
	"time"

	"github.com/singchia/geminio/packet"
)

const (
	// near is the round trip below which mere bulk is capped as well: it is a
	// loopback or a link where the cap costs nothing and a queue would cost
	// calls their latency.
	near = time.Millisecond

	capBesideCalls = 192 << 10
	capLeast       = 512 << 10
	callsRecent    = 5 * time.Millisecond

	// From near on, the cap beside calls allows at least what flows in farQueue,
	// if that lies within these bounds; mere bulk has what flows in
	// farQueueMost, for which the first call then waits.
	farQueue       = 100 * time.Millisecond
	farCapLeast    = 64 << 10
	farCapMost     = 512 << 10
	farQueueMost   = time.Second
	farCallsRecent = time.Second

	// A frame takes its whole length from a call behind it: below the cap of
	// smallBelow frames are cut at smallFrame.
	smallBelow = 192 << 10
	smallFrame = 16 << 10

	// loadedBy is how much the peer may have sent while a PING was answered
	// for the answer not to have waited behind it.
	loadedBy = 16 << 10

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
// replay limit, which grows with what the path takes, and on a slow one by what
// flows in a second; beside calls and messages by twice what the path holds.
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
	rate  float64    // bytes a second, acknowledged
	rates [8]float64 // of the last rounds, in a ring
	next  int        // in it

	// replay is how much may be unacknowledged of what is kept for that: all
	// of it where the session survives its transport, else stream bytes over a
	// long path.
	replay int
	full   bool // that limit has held something back since the last ACK

	lastCall   time.Time // when a call or message was composed
	callsEnd   uint64    // the position behind the last of them
	callsAcked time.Time // when all of them were acknowledged

	lastProbe time.Time
	probe     uint64 // opaque of the probe under way, 0: none
	probes    uint64
	loaded    bool      // it went behind stream bytes
	heard     uint64    // position of the peer when it went
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
		return int(min(f.farLimit(now), float64(f.replay)))
	case now.Sub(f.lastCall) < callsRecent:
		return capBesideCalls
	}
	return max(capLeast, int(1.25*f.rate*f.rtt.Seconds()))
}

// farLimit returns what the cap is where the path is long and the replay limit
// no lower.
func (f *flow) farLimit(now time.Time) float64 {
	rate := slices.Max(f.rates[:])
	flows := func(in time.Duration) float64 { return rate * in.Seconds() }
	if f.besideCalls(now) {
		return max(flows(2*f.rtt), farCapLeast, min(flows(farQueue), farCapMost))
	}
	return max(flows(4*f.rtt), flows(farQueueMost), capLeast)
}

// besideCalls tells whether calls or messages are under way, or were a moment
// ago: one that waits behind stream bytes must not have more of them put behind
// it, where the next one would wait.
func (f *flow) besideCalls(now time.Time) bool {
	return f.acked < f.callsEnd || now.Sub(f.callsAcked) < farCallsRecent
}

// frame returns how much a DATA frame may take.
func (f *flow) frame(now time.Time) int {
	if f.limit(now) < smallBelow {
		return smallFrame
	}
	return packet.MaxPayload
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
		if f.rtt == 0 || f.rtt > holdLongest || f.inFlight() == 0 || now.Sub(f.rttAt) < rttRenew {
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
		return f.drained()
	}
	return bulk && now.Sub(f.lastProbe) >= probeEvery
}

// drained tells whether the path is empty of stream bytes. On a long one a few
// count as none: the peer may have them and not say so before a hold is over.
func (f *flow) drained() bool {
	if f.rtt >= near {
		return f.inFlight() < ackIdle
	}
	return f.inFlight() == 0
}

// sendProbe notes a PING that goes out now and returns its opaque. loaded tells
// whether stream bytes are on the way before it; heard is the position up to
// which the peer has sent.
func (f *flow) sendProbe(now time.Time, loaded bool, heard uint64) uint64 {
	f.probes++
	f.probe, f.lastProbe, f.loaded, f.heard = f.probes, now, loaded, heard
	if !f.holdSince.IsZero() && f.rtt >= near {
		f.holdSince = now // it may take a round trip as long as the bytes before it
	}
	return f.probe
}

// pong notes the answer to a probe, which came when the peer had sent up to
// position heard.
func (f *flow) pong(now time.Time, opaque, heard uint64) {
	if opaque == 0 || opaque != f.probe {
		return
	}
	f.probe = 0
	f.measured(now, now.Sub(f.lastProbe), !f.holdSince.IsZero(), f.loaded || heard-f.heard > loadedBy)
	if !f.holdSince.IsZero() {
		f.holdSince, f.rttAt = time.Time{}, now
	}
}

// measured notes a round trip. One for which stream bytes were held counts
// whatever was known; on a long path one that has met stream bytes can only be
// lower, for their queue may be much longer than the path.
func (f *flow) measured(now time.Time, rtt time.Duration, held, loaded bool) {
	expired := held || now.Sub(f.rttAt) > rttLife
	if f.rtt == 0 || rtt <= f.rtt || expired && !(loaded && f.rtt >= near) {
		f.rtt, f.rttAt = max(rtt, 1), now
	}
}

// composedCalls notes calls or messages that end at position end.
func (f *flow) composedCalls(now time.Time, end uint64) {
	f.lastCall, f.callsEnd = now, end
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
	if f.acked < f.callsEnd && pos >= f.callsEnd {
		f.callsAcked = now
	}
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
	f.rate, f.rates = 0, [len(f.rates)]float64{}
}

func (f *flow) roundDone(took time.Duration, bytes uint64, now time.Time) {
	took = max(took, 1)
	if took < f.rtt { // only ever lower: an ACK may have waited
		f.measured(now, took, false, true)
	}
	rate := float64(bytes) / took.Seconds()
	f.rates[f.next] = rate
	f.next = (f.next + 1) % len(f.rates)
	if rate > f.rate {
		f.rate += (rate - f.rate) / 2
	} else {
		f.rate += (rate - f.rate) / 8
	}
}
