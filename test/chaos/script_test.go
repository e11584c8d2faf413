package chaos_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/singchia/geminio/test/chaos"
)

func TestAScriptPrintsAsGo(t *testing.T) {
	s := chaos.Script{
		{Direction: chaos.Up, After: 4096, Fault: chaos.Reset{}},
		{At: time.Second, Fault: chaos.Delay{Base: 20 * time.Millisecond}},
	}
	require.Equal(t, "chaos.Script{"+
		"{Direction: chaos.Up, After: 4096, At: 0, Fault: chaos.Reset{}}, "+
		"{Direction: chaos.Both, After: 0, At: 1000000000, Fault: chaos.Delay{Base:20000000, Jitter:0, Seed:0x0}}}",
		fmt.Sprintf("%v", s))
	require.Equal(t, chaos.Script{
		{Direction: chaos.Up, After: 4096, At: 0, Fault: chaos.Reset{}},
		{Direction: chaos.Both, After: 0, At: 1000000000, Fault: chaos.Delay{Base: 20000000, Jitter: 0, Seed: 0x0}}}, s,
		"and that is the script")
}

func TestARandomScriptIsThatOfItsSeedAndKeepsToItsProfile(t *testing.T) {
	kinds := make(map[string]bool)
	for seed := range uint64(500) {
		s := chaos.Random(seed, chaos.Deadly)
		require.Equal(t, s, chaos.Random(seed, chaos.Deadly))
		require.NotEqual(t, s, chaos.Random(seed+1, chaos.Deadly))
		require.Len(t, s, chaos.Deadly.Steps)
		for _, step := range s {
			kinds[fmt.Sprintf("%T", step.Fault)] = true
			require.True(t, step.After == 0 || step.At == 0)
			require.Less(t, step.After, chaos.Deadly.Bytes)
			require.Less(t, step.At, chaos.Deadly.Time)
			switch f := step.Fault.(type) {
			case chaos.Slice:
				require.Positive(t, f.Max)
				require.LessOrEqual(t, f.Max, 4096)
			case chaos.Bandwidth:
				require.GreaterOrEqual(t, f.Rate, 10<<20/16)
				require.LessOrEqual(t, f.Rate, 10<<20)
			case chaos.Delay:
				require.LessOrEqual(t, f.Base+f.Jitter, 100*time.Millisecond)
			case chaos.Stall:
				require.LessOrEqual(t, f.For, 300*time.Millisecond)
			}
		}
	}
	require.Len(t, kinds, 10)
	require.Empty(t, chaos.Random(1, chaos.Profile{Steps: 3}))
	for _, step := range chaos.Random(1, chaos.Profile{Steps: 3, Faults: []chaos.Fault{chaos.Reset{}}}) {
		require.Zero(t, step.After)
		require.Zero(t, step.At)
	}
}
