package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// row is one line of the table: a figure of ours and of the reference, and
// their ratio, of every round.
type row struct {
	name, unit string
	want       mark

	ours, ref, ratio []float64
}

func (r *row) add(ours, ref float64) {
	r.ours = append(r.ours, ours)
	r.ref = append(r.ref, ref)
	r.ratio = append(r.ratio, ours/ref)
}

func (r *row) reset() { r.ours, r.ref, r.ratio = nil, nil, nil }

const (
	header = "%-38s %5s  %17s  %17s %8s  %16s  %s\n"
	line   = "%-38s %5s %12.4g ±%3.0f%% %12.4g ±%3.0f%% %8.2f  %7.2f..%-7.2f  %s"
)

func printHeader(w io.Writer) {
	fmt.Fprintf(w, header, "", "", "geminio", "reference", "ratio", "lowest..highest", "wanted")
}

// print writes the line and tells whether the mark is met.
func (r *row) print(w io.Writer) bool {
	ratio := median(r.ratio)
	met := r.want.met(ratio)
	verdict := r.want.String()
	if !met {
		verdict += " !"
	}
	text := fmt.Sprintf(line, r.name, r.unit, median(r.ours), spread(r.ours), median(r.ref), spread(r.ref),
		ratio, slices.Min(r.ratio), slices.Max(r.ratio), verdict)
	fmt.Fprintln(w, strings.TrimRight(text, " "))
	return met
}

// mark is the ratio that is wanted, at least or at most; the zero mark wants
// nothing.
type mark struct {
	limit float64
	most  bool
}

func atLeast(limit float64) mark { return mark{limit: limit} }
func atMost(limit float64) mark  { return mark{limit: limit, most: true} }

func (m mark) met(ratio float64) bool {
	if m.limit == 0 {
		return true
	}
	if m.most {
		return ratio <= m.limit
	}
	return ratio >= m.limit
}

func (m mark) String() string {
	if m.limit == 0 {
		return ""
	}
	if m.most {
		return fmt.Sprintf("<= %.4g", m.limit)
	}
	return fmt.Sprintf(">= %.4g", m.limit)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// spread is half the distance between the quartiles, in per cent of the
// median.
func spread(v []float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	n := len(sorted)
	return 100 * (sorted[3*n/4] - sorted[n/4]) / 2 / median(v)
}
