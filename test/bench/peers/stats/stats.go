// Package stats says what a few noisy figures mean.
package stats

import (
	"math"
	"slices"
)

// Median is the middle of v, or the mean of the two in the middle. Without
// figures it is NaN.
func Median(v []float64) float64 {
	n := len(v)
	if n == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(v))
	return (s[(n-1)/2] + s[n/2]) / 2
}

// Spread is half the range of v over its median: 0.1 says that the figures lie
// about 10 % around it.
func Spread(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	return (slices.Max(v) - slices.Min(v)) / 2 / Median(v)
}

// Interval is where a median lies with a given confidence.
type Interval struct {
	Low, High float64

	// Confidence that it holds: at least 0.95, but less where there are not
	// the six figures that this takes.
	Confidence float64
}

// MedianInterval returns the narrowest interval between two of the figures that
// has the median of what they were drawn from with 95 % confidence. It assumes
// nothing of how they are distributed.
func MedianInterval(v []float64) Interval {
	n := len(v)
	if n == 0 {
		return Interval{Low: math.NaN(), High: math.NaN()}
	}
	s := slices.Sorted(slices.Values(v))
	// below is the probability that fewer than k+1 figures are below the median.
	k, below := 0, math.Pow(0.5, float64(n))
	for term := below; k+1 < (n+1)/2; k++ {
		term *= float64(n-k) / float64(k+1)
		if below+term > 0.025 {
			break
		}
		below += term
	}
	return Interval{Low: s[k], High: s[n-1-k], Confidence: max(1-2*below, 0)}
}

// Ratios divides each of a by the one of b from the same round.
func Ratios(a, b []float64) []float64 {
	r := make([]float64, min(len(a), len(b)))
	for i := range r {
		r[i] = a[i] / b[i]
	}
	return r
}
