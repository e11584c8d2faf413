package conn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/packet"
)

// at is a moment of the virtual time of these tests.
func at(d time.Duration) time.Time { return time.Unix(1000, 0).Add(d) }

func TestTheCap(t *testing.T) {
	for _, tt := range []struct {
		name string
		rtt  time.Duration
		rate float64
		call time.Duration // before now; 0: none
		want int
	}{
		{"round trip unknown", 0, 0, 0, capLeast},
		{"round trip unknown, beside a call", 0, 0, time.Millisecond, capBesideCalls},
		{"near, slow", 100 * time.Microsecond, 1e8, 0, capLeast},
		{"near, fast", 200 * time.Microsecond, 4e9, 0, 1e6},
		{"near, just beside a call", 200 * time.Microsecond, 4e9, callsRecent - 1, capBesideCalls},
		{"near, a call some time ago", 200 * time.Microsecond, 4e9, callsRecent, 1e6},
		{"almost far", near - 1, 1e9, 0, 1249998},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := flow{rtt: tt.rtt, rate: tt.rate, rttAt: at(0), replay: replayLeast}
			if tt.call > 0 {
				f.lastCall = at(-tt.call)
			}
			require.Equal(t, tt.want, f.limit(at(0)))
			require.Equal(t, tt.want, f.room(at(0)))
			f.composed(at(0), 0, tt.want-1, uint64(tt.want-1))
			require.Equal(t, 1, f.room(at(0)), "the frame that begins below the cap goes whole")
			f.composed(at(0), uint64(tt.want-1), 64*kib, uint64(tt.want+64*kib-1))
			require.Zero(t, f.room(at(0)))
		})
	}
}

func TestTheCapOfALongPath(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name   string
		rtt    time.Duration
		rate   float64
		beside bool
		want   int
	}{
		{"rate unknown", 20 * ms, 0, false, capLeast},
		{"rate unknown, beside calls", 20 * ms, 0, true, farCapLeast},
		{"slow", 20 * ms, 1e5, false, capLeast},
		{"what flows in a second", 20 * ms, 1e6, false, 1e6},
		{"four round trips", 500 * ms, 1e6, false, 2e6},
		{"fast", near, 1e8, false, replayLeast},
		{"slow, beside calls", 20 * ms, 1e5, true, farCapLeast},
		{"what flows in 100 ms, beside calls", 20 * ms, 1e6, true, 1e5},
		{"but no more of that, beside calls", 20 * ms, 1e7, true, farCapMost},
		{"twice what the path holds, beside calls", 20 * ms, 2e7, true, 8e5},
		{"fast, beside calls", 200 * ms, 1e9, true, replayLeast},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := flow{rtt: tt.rtt, rttAt: at(0), replay: replayLeast}
			f.rates[3] = tt.rate
			if tt.beside {
				f.composedCalls(at(0), 1)
			}
			require.Equal(t, tt.want, f.limit(at(0)))
			require.Equal(t, tt.want, f.room(at(0)))
			want := packet.MaxPayload
			if tt.want < smallBelow {
				want = smallFrame
			}
			require.Equal(t, want, f.frame(at(0)))
		})
	}
}

func TestFramesAreCutSmallWhereTheCapIsLow(t *testing.T) {
	c := silent(false)
	cut := func() int {
		n, _, err := c.AppendData(3, make([]byte, packet.MaxPayload), false, nil)
		require.NoError(t, err)
		return n
	}
	require.Equal(t, packet.MaxPayload, cut())
	c.flow.rtt, c.flow.rttAt = 20*time.Millisecond, at(0)
	c.flow.composedCalls(at(0), 1)
	c.compose(at(0))
	require.Equal(t, smallFrame, cut())
	c.flow.ack(at(0), 1)
	c.compose(at(farCallsRecent))
	require.Greater(t, cut(), smallFrame)
}

func TestACallCountsUntilASecondAfterItIsAcknowledged(t *testing.T) {
	f := flow{rtt: near, rttAt: at(0), replay: replayLeast}
	require.False(t, f.besideCalls(at(0)))
	f.composedCalls(at(0), 100)
	f.ack(at(5*time.Second), 99)
	require.True(t, f.besideCalls(at(10*time.Second)), "it is still under way")
	f.ack(at(10*time.Second), 100)
	f.ack(at(10*time.Second+1), 200)
	require.True(t, f.besideCalls(at(10*time.Second+farCallsRecent-1)))
	require.False(t, f.besideCalls(at(10*time.Second+farCallsRecent)))
}

func TestTheRateOfALongPathIsTheHighestOfTheLastRounds(t *testing.T) {
	f := flow{rtt: 20 * time.Millisecond, rttAt: at(0), replay: replayLeast}
	now, pos := at(0), uint64(0)
	round := func(took time.Duration) float64 {
		f.composed(now, pos, 100_000, pos+100_000)
		pos, now = pos+100_000, now.Add(took)
		f.ack(now, pos)
		return slices.Max(f.rates[:])
	}
	require.InDelta(t, 5e6, round(20*time.Millisecond), 1)
	for range len(f.rates) - 1 {
		require.InDelta(t, 5e6, round(40*time.Millisecond), 1)
	}
	require.InDelta(t, 2.5e6, round(40*time.Millisecond), 1, "the first one is forgotten")
}

func TestOnlyStreamBytesBeyondWhatIsAcknowledgedAreInFlight(t *testing.T) {
	for range 50 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			var f flow
			var isStream []bool // each byte ever composed
			for range 200 {
				if rnd.IntN(3) > 0 {
					other, n := rnd.IntN(20), rnd.IntN(20)
					behind := rnd.IntN(5) // an END behind the stream bytes
					start := uint64(len(isStream) + other)
					for i := range other + n + behind {
						isStream = append(isStream, i >= other && i < other+n)
					}
					f.composed(at(0), start, n, uint64(len(isStream)))
				} else {
					f.ack(at(0), f.acked+rnd.Uint64N(uint64(len(isStream))-f.acked+1))
				}
				want := 0
				for _, stream := range isStream[f.acked:] {
					if stream {
						want++
					}
				}
				require.Equal(t, want, f.inFlight())
			}
			f.ack(at(0), uint64(len(isStream)))
			require.Zero(t, f.inFlight())
			require.Empty(t, f.log)
		})
	}
}

func TestALowerRoundTripCountsAHigherOneOnlyWhenTheLowestHasExpired(t *testing.T) {
	var f flow
	f.measured(at(0), 500, false, true)
	f.measured(at(1), 700, false, true)
	require.EqualValues(t, 500, f.rtt)
	f.measured(at(2), 400, false, true)
	require.EqualValues(t, 400, f.rtt)
	f.measured(at(2+rttLife), 900, false, true)
	require.EqualValues(t, 400, f.rtt)
	f.measured(at(3+rttLife), 900, false, true)
	require.EqualValues(t, 900, f.rtt)
	f.measured(at(3+rttLife), 1000, true, true)
	require.EqualValues(t, 1000, f.rtt, "one for which bytes were held counts whatever was known")
	f.measured(at(3+rttLife), 0, false, true)
	require.EqualValues(t, 1, f.rtt, "0 means unknown")
}

func TestALoadedRoundTripOfALongPathOnlyLowersWhatIsKnown(t *testing.T) {
	const known, queue = 20 * time.Millisecond, 10 * time.Second
	for _, tt := range []struct {
		name   string
		sent   time.Duration
		loaded bool
		heard  uint64 // from the peer meanwhile
		rtt    time.Duration
		want   time.Duration
	}{
		{"expired, behind bulk", rttLife, true, 0, queue, known},
		{"expired, behind bulk of the peer", rttLife, false, loadedBy + 1, queue, known},
		{"expired, behind nothing", rttLife, false, loadedBy, queue, queue},
		{"not expired, behind nothing", 0, false, 0, known + 1, known},
		{"lower, behind bulk", 0, true, loadedBy + 1, known - 1, known - 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := flow{rtt: known, rttAt: at(0)}
			probe := f.sendProbe(at(tt.sent), tt.loaded, 1000)
			f.pong(at(tt.sent+tt.rtt), probe, 1000+tt.heard)
			require.Equal(t, tt.want, f.rtt)
		})
	}
}

// bulkFlow has a round trip measured at at(0) and bytes in flight.
func bulkFlow() *flow { return bulkFlowOf(100 * time.Microsecond) }

func bulkFlowOf(rtt time.Duration) *flow {
	f := &flow{rtt: rtt, replay: replayLeast, rttAt: at(0), lastProbe: at(0), probes: 7}
	f.composed(at(0), 0, 1000, 1000)
	return f
}

func TestBulkIsHeldToMeasureBeforeTheLowestRoundTripExpires(t *testing.T) {
	f := bulkFlow()
	loaded := f.sendProbe(at(rttRenew-2), true, 0)
	require.NotZero(t, f.room(at(rttRenew-1)))
	require.Zero(t, f.room(at(rttRenew)))
	require.False(t, f.probeDue(at(rttRenew), true), "something is in flight")
	f.pong(at(rttRenew+1), loaded, 0)
	require.EqualValues(t, 100*time.Microsecond, f.rtt, "a PING that went before the hold decides nothing")

	f.ack(at(rttRenew+time.Millisecond), 1000)
	require.Zero(t, f.room(at(rttRenew+time.Millisecond)))
	require.True(t, f.probeDue(at(rttRenew+time.Millisecond), true))
	probe := f.sendProbe(at(rttRenew+time.Millisecond), true, 0)
	require.False(t, f.probeDue(at(rttRenew+time.Millisecond), true), "one is enough")
	f.pong(at(rttRenew+time.Millisecond+300*time.Microsecond), probe, 0)
	require.EqualValues(t, 300*time.Microsecond, f.rtt, "it decides, though it is higher")
	require.NotZero(t, f.room(at(rttRenew+2*time.Millisecond)))
	require.Equal(t, at(rttRenew+time.Millisecond+300*time.Microsecond), f.rttAt)
}

func TestBulkIsHeldOnALongPathToo(t *testing.T) {
	const rtt, longer = 20 * time.Millisecond, 150 * time.Millisecond
	for _, tt := range []struct {
		name  string
		heard uint64 // from the peer while the PING is answered
		want  time.Duration
	}{
		{"unloaded", 0, longer},
		{"behind bulk of the peer", loadedBy + 1, rtt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := bulkFlowOf(rtt)
			f.composed(at(0), 1000, 100_000, 101_000)
			require.NotZero(t, f.room(at(rttRenew-1)))
			require.Zero(t, f.room(at(rttRenew)))
			drained := at(rttRenew + holdLongest)
			f.ack(drained, 101_000-ackIdle)
			require.False(t, f.probeDue(drained, true))
			f.ack(drained, 101_000-ackIdle+1)
			require.Zero(t, f.room(drained))
			require.True(t, f.probeDue(drained, true), "of the rest the peer may not tell in time")
			probe := f.sendProbe(drained, false, 0)
			answered := drained.Add(longer)
			require.Zero(t, f.room(answered), "the answer may take as long as what was under way")
			f.pong(answered, probe, tt.heard)
			require.Equal(t, tt.want, f.rtt)
			require.Equal(t, answered, f.rttAt)
			require.NotZero(t, f.room(answered))
		})
	}
}

func TestAHoldEndsWithoutAnAnswer(t *testing.T) {
	f := bulkFlow()
	require.Zero(t, f.room(at(rttRenew)))
	require.Zero(t, f.room(at(rttRenew+holdLongest)))
	now := at(rttRenew + holdLongest + 1)
	require.NotZero(t, f.room(now))
	require.EqualValues(t, 100*time.Microsecond, f.rtt, "what is known stays")
	require.NotZero(t, f.room(now.Add(rttRenew-1)))
	require.Zero(t, f.room(now.Add(rttRenew)))
}

func TestNothingIsHeldWhereThatIsOfNoUse(t *testing.T) {
	idle := bulkFlow()
	idle.ack(at(1), 1000)
	require.NotZero(t, idle.room(at(rttRenew)), "nothing is in flight: any PING measures")
	far := bulkFlowOf(holdLongest + 1)
	require.NotZero(t, far.room(at(rttRenew)), "there would be no answer in time")
	unknown := bulkFlow()
	unknown.rtt = 0
	require.NotZero(t, unknown.room(at(rttRenew)))
}

func TestProbes(t *testing.T) {
	var f flow
	require.True(t, f.probeDue(at(0), false), "in the first batch, whatever it is")
	first := f.sendProbe(at(0), true, 0)
	require.NotZero(t, first)
	require.False(t, f.probeDue(at(probeEvery), true), "one at a time")
	f.pong(at(5*time.Millisecond), first, 0)
	require.Equal(t, 5*time.Millisecond, f.rtt)
	require.False(t, f.probeDue(at(probeEvery), false), "without bulk nothing is to be known")
	require.False(t, f.probeDue(at(probeEvery-1), true))
	require.True(t, f.probeDue(at(probeEvery), true))

	second := f.sendProbe(at(probeEvery), true, 0)
	require.NotEqual(t, first, second)
	f.pong(at(probeEvery+1), first, 0)
	f.pong(at(probeEvery+1), 0, 0)
	require.Equal(t, 5*time.Millisecond, f.rtt, "neither is the answer")
	require.False(t, f.probeDue(at(probeEvery+rttLife-1), true))
	require.True(t, f.probeDue(at(probeEvery+rttLife), true), "it will not be answered any more")
}

func TestARoundTellsTheRate(t *testing.T) {
	var f flow
	f.composed(at(0), 0, 0, roundLeast-1)
	require.False(t, f.round.open, "too little for a round")
	f.composed(at(time.Second), roundLeast-1, 1, roundLeast)
	require.True(t, f.round.open)
	f.composed(at(time.Second), roundLeast, 1000, roundLeast+1000)
	f.ack(at(2*time.Second), roundLeast-1)
	require.True(t, f.round.open)
	require.Zero(t, f.rate)
	f.ack(at(3*time.Second), roundLeast)
	require.False(t, f.round.open)
	require.InDelta(t, roundLeast/2./2, f.rate, 1, "half of the way up")
	require.Zero(t, f.rtt, "a round alone does not tell a round trip")

	up := f.rate
	f.composed(at(3*time.Second), roundLeast+1000, 0, 3*roundLeast)
	f.ack(at(3*time.Second+time.Millisecond), 3*roundLeast)
	fast := 2. * roundLeast / 0.001
	require.InDelta(t, up+(fast-up)/2, f.rate, 1)

	up = f.rate
	f.composed(at(4*time.Second), 3*roundLeast, 0, 4*roundLeast)
	f.ack(at(5*time.Second), 4*roundLeast)
	require.InDelta(t, up-(up-roundLeast)/8, f.rate, 1, "an eighth of the way down")
}

func TestARoundLowersTheRoundTripAndNeverRaisesIt(t *testing.T) {
	f := flow{rtt: time.Millisecond, rttAt: at(0)}
	f.composed(at(0), 0, 0, roundLeast)
	f.ack(at(300*time.Microsecond), roundLeast)
	require.Equal(t, 300*time.Microsecond, f.rtt)
	f.composed(at(0), roundLeast, 0, 2*roundLeast)
	f.ack(at(20*time.Second), 2*roundLeast)
	require.Equal(t, 300*time.Microsecond, f.rtt, "an ACK may have waited")
}

func TestTheReplayLimitGrowsWithAPathThatTakesMore(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rtt   time.Duration
		full  bool
		grows bool
	}{
		{"long and fat", 100 * time.Millisecond, true, true},
		{"long and fat, and nothing was held back", 100 * time.Millisecond, false, false},
		{"near", near - 1, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := flow{rtt: tt.rtt, rttAt: at(0), replay: replayLeast, full: tt.full}
			now, pos := at(0), uint64(0)
			for range 40 { // each round trip as much as may be
				f.composed(now, pos, f.replay, pos+uint64(f.replay))
				pos += uint64(f.replay)
				f.full = tt.full
				now = now.Add(tt.rtt)
				f.ack(now, pos)
			}
			want := replayLeast
			if tt.grows {
				want = replayMost
			}
			require.Equal(t, want, f.replay)
		})
	}
}

func TestAnotherTransportHasAnotherPath(t *testing.T) {
	f := bulkFlowOf(20 * time.Millisecond)
	f.sendProbe(at(0), true, 0)
	f.composed(at(0), 1000, 100_000, 101_000)
	f.ack(at(20*time.Millisecond), 101_000)
	require.NotZero(t, f.rate)
	f.reattached()
	require.Zero(t, f.rtt)
	require.Zero(t, f.rate)
	require.Zero(t, slices.Max(f.rates[:]))
	require.True(t, f.probeDue(at(time.Second), false))
}
