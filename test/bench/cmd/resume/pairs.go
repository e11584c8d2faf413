package main

import (
	"math"
	"time"
)

// pairs are the measurements of one workload with resume on and off.
type pairs struct {
	on, off *side
	logs    []float64 // of the rate on / the rate off, one for each pair
}

func newPairs(w workload) *pairs {
	return &pairs{on: &side{workload: w, resume: true}, off: &side{workload: w}}
}

// add measures both once, over new connections. flip says who comes first.
func (p *pairs) add(span time.Duration, flip bool) error {
	first, second := p.on, p.off
	if flip {
		first, second = second, first
	}
	a, err := first.open()
	if err != nil {
		return err
	}
	defer a.close()
	b, err := second.open()
	if err != nil {
		return err
	}
	defer b.close()

	// Each twice, so that a machine which gets slower or faster all the while
	// favours neither.
	for turn := range 4 {
		s, l := first, a.load
		if turn == 1 || turn == 2 {
			s, l = second, b.load
		}
		if err := bounded(span, func() error { return s.measure(l, span/2) }); err != nil {
			return err
		}
	}
	n := len(p.on.rates)
	p.logs = append(p.logs, logMean(p.on.rates[n-2:])-logMean(p.off.rates[n-2:]))
	return nil
}

// logMean returns the logarithm of the geometric mean.
func logMean(v []float64) (log float64) {
	for _, x := range v {
		log += math.Log(x) / float64(len(v))
	}
	return log
}

// fewest is how many pairs an interval needs.
const fewest = 5

// interval returns the ratio of the rates, the geometric mean of the pairs,
// and its 95 % interval: Student's, of the logarithms.
func interval(logs []float64) (ratio, low, high float64) {
	n := float64(len(logs))
	var center, squares float64
	for _, v := range logs {
		center += v / n
	}
	for _, v := range logs {
		squares += (v - center) * (v - center)
	}
	half := student(n-1) * math.Sqrt(squares/(n-1)/n)
	return math.Exp(center), math.Exp(center - half), math.Exp(center + half)
}

// student returns the 97.5 % quantile of Student's distribution, from its
// expansion about the normal one: from 4 degrees of freedom on, at most 0.3 %
// too low.
func student(freedom float64) float64 {
	const z = 1.959964
	const z2 = z * z
	return z * (1 + (z2+1)/(4*freedom) +
		((5*z2+16)*z2+3)/(96*freedom*freedom) +
		(((3*z2+19)*z2+17)*z2-15)/(384*freedom*freedom*freedom))
}
