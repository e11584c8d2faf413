package stats

import (
	"math"
	"slices"
	"testing"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestMedianIsTheMiddle(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		want float64
	}{
		{[]float64{7}, 7},
		{[]float64{3, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		given := slices.Clone(c.v)
		if got := Median(c.v); got != c.want {
			t.Errorf("median of %v is %v, not %v", c.v, c.want, got)
		}
		if !slices.Equal(given, c.v) {
			t.Errorf("%v was changed to %v", given, c.v)
		}
	}
	if !math.IsNaN(Median(nil)) || !math.IsNaN(Spread(nil)) || !math.IsNaN(MedianInterval(nil).Low) {
		t.Error("no figures have a median, a spread or an interval")
	}
}

func TestSpreadIsHalfTheRangeOverTheMedian(t *testing.T) {
	if got := Spread([]float64{90, 100, 130}); !near(got, 0.2) {
		t.Errorf("%v, not 0.2", got)
	}
	if got := Spread([]float64{5, 5}); got != 0 {
		t.Errorf("%v, not 0", got)
	}
}

// The ranks are those of the sign test's tables.
func TestTheIntervalHasTheRanksOfTheSignTest(t *testing.T) {
	for _, c := range []struct {
		n, low, high int
		confidence   float64
	}{
		{1, 1, 1, 0},
		{5, 1, 5, 0.9375},
		{6, 1, 6, 0.96875},
		{8, 1, 8, 0.9921875},
		{9, 2, 8, 0.9609375},
		{10, 2, 9, 0.978515625},
		{11, 2, 10, 0.98828125},
		{15, 4, 12, 0.96484375},
		{20, 6, 15, 0.95861053466796875},
		{25, 8, 18, 0.9567147493362427},
	} {
		v := make([]float64, c.n)
		for i := range v {
			v[i] = float64(c.n - i) // n..1: the value is the rank
		}
		got := MedianInterval(v)
		if got.Low != float64(c.low) || got.High != float64(c.high) || !near(got.Confidence, c.confidence) {
			t.Errorf("%d figures: ranks %v..%v with %v, not %d..%d with %v",
				c.n, got.Low, got.High, got.Confidence, c.low, c.high, c.confidence)
		}
	}
}

func TestRatiosAreThoseOfTheRounds(t *testing.T) {
	got := Ratios([]float64{2, 9, 1}, []float64{1, 3})
	if !slices.Equal(got, []float64{2, 3}) {
		t.Errorf("%v, not [2 3]", got)
	}
}
