package conn

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSimulatedSessionsKeepTheInvariants runs both sides of a session through
// cuts, silence, late and lost handshakes, in virtual time, and checks I1 to
// I10, I12 and I13 after every step, each as far as it is about one session.
// GEMINIO_SEEDS says how many seeds, GEMINIO_SEED=n runs one and tells what
// happens in it.
func TestSimulatedSessionsKeepTheInvariants(t *testing.T) {
	if v := os.Getenv("GEMINIO_SEED"); v != "" {
		seed, err := strconv.ParseUint(v, 10, 64)
		require.NoError(t, err)
		w, err := simulate(seed, t.Logf)
		require.NoError(t, err)
		t.Logf("%+v", w.count)
		return
	}
	seeds := simSeeds
	if v := os.Getenv("GEMINIO_SEEDS"); v != "" {
		n, err := strconv.Atoi(v)
		require.NoError(t, err)
		seeds = n
	}
	var count simCount
	for seed := range seeds {
		w, err := simulate(uint64(seed), nil)
		require.NoError(t, err)
		count.add(w.count)
	}
	t.Logf("%d seeds: %+v", seeds, count)
	if seeds < 2000 {
		return
	}
	for what, n := range map[string]int{
		"a cut in the middle of a repetition":     count.inReplay,
		"a cut in a frame that was handed up":     count.inFrame,
		"a transport that fell silent":            count.silent,
		"a resume while the old one is there yet": count.fenced,
		"an attempt that comes too late":          count.stale,
		"an attempt that is to wait":              count.retry,
		"a ring that is full":                     count.full,
		"a lie":                                   count.lies,
		"a close in the middle of it":             count.closedEarly,
	} {
		require.Positive(t, n, "it never came to %s", what)
	}
}

func TestASimulatedSeedRunsTheSameAgain(t *testing.T) {
	for seed := range uint64(20) {
		a, err := simulate(seed, nil)
		require.NoError(t, err)
		b, err := simulate(seed, nil)
		require.NoError(t, err)
		require.Equal(t, a.trace, b.trace, "seed %d", seed)
		require.Equal(t, a.count, b.count, "seed %d", seed)
	}
}
