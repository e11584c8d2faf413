package main

import (
	"bytes"
	"io"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheTableHasEveryWorkloadWithBothSides(t *testing.T) {
	var out bytes.Buffer
	_, err := run(&out, "", fewest, time.Millisecond, "")
	require.NoError(t, err)
	for _, w := range workloads() {
		assert.Regexp(t, `(?m)^`+w.name+` +(MB|k)/s +[0-9.e+]+ +[0-9.e+]+ +[0-9.]+ +[0-9.]+\.\.[0-9.]+  reaches 0.97( !)?$`, out.String())
		assert.Regexp(t, `(?m)^`+w.name+`( +([0-9.e+-]+)){8}$`, out.String())
	}
}

func TestWhatCannotBeMeasuredIsRefused(t *testing.T) {
	for _, c := range []struct {
		pattern string
		count   int
		span    time.Duration
	}{{"(", fewest, time.Second}, {"", fewest - 1, time.Second}, {"", fewest, 0}} {
		_, err := run(io.Discard, c.pattern, c.count, c.span, "")
		assert.Error(t, err)
	}
}

func TestTheIntervalIsStudents(t *testing.T) {
	for freedom, want := range map[float64]float64{4: 2.776, 14: 2.145, 20: 2.086, 1e6: 1.960} {
		assert.InEpsilon(t, want, student(freedom), 0.004)
	}
	// Ratios of 1/2, 1 and 2 and so on: the mean of the logarithms is 0, their
	// deviation ln 2.
	logs := []float64{-math.Ln2, math.Ln2, -math.Ln2, math.Ln2, 0}
	ratio, low, high := interval(logs)
	assert.InDelta(t, 1, ratio, 1e-9)
	assert.InDelta(t, math.Exp(-2.776*math.Ln2/math.Sqrt(5)), low, 0.005)
	assert.InDelta(t, 1, low*high, 1e-9)
}

func TestAnIntervalBelowTheMarkIsMarked(t *testing.T) {
	p := newPairs(workload{name: "calls"})
	for i := range fewest {
		p.on.rates, p.off.rates = append(p.on.rates, 90), append(p.off.rates, 100)
		p.logs = append(p.logs, math.Log(0.9)+float64(i)*1e-4)
	}
	p.on.ops, p.off.ops = 1, 1
	var out bytes.Buffer
	assert.False(t, print(&out, []*pairs{p}))
	assert.Contains(t, out.String(), "reaches 0.97 !\n")

	p.logs[0], p.logs[1] = math.Log(0.99), math.Log(0.98)
	out.Reset()
	assert.True(t, print(&out, []*pairs{p}))
	assert.NotContains(t, out.String(), "!")
}
