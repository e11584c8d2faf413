package chaos

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
)

// SeedVariable names the environment variable that Seed looks at.
const SeedVariable = "CHAOS_SEED"

// Seed returns what a test draws its faults from: the number in CHAOS_SEED, or,
// where there is none, a new one. It is logged, with how the run is repeated.
func Seed(t interface {
	Helper()
	Logf(format string, args ...any)
}) uint64 {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv(SeedVariable), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("%s=%d repeats these faults", SeedVariable, seed)
	return seed
}

// Cuts returns scripts for connections that follow each other and carry total
// bytes between them, those of both directions counted together. The first n
// connections are ended, each by one of faults, so that the n cuts lie at
// random bytes of the total; the others are left alone. What the connections
// carry beyond the total, because it was lost and had to be sent again, moves
// the cuts forward: all of them come before the last byte does.
func Cuts(seed uint64, n int, total int64, faults ...Fault) func(n int) Script {
	rnd := rand.New(rand.NewPCG(seed, 0))
	at := make([]int64, n)
	for i := range at {
		at[i] = rnd.Int64N(total)
	}
	slices.Sort(at)
	scripts := make([]Script, n)
	before := int64(0)
	for i, here := range at {
		scripts[i] = Script{{After: here - before, Fault: faults[rnd.IntN(len(faults))]}}
		before = here
	}
	return func(n int) Script {
		if n < len(scripts) {
			return scripts[n]
		}
		return nil
	}
}
