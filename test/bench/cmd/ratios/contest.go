package main

import (
	"runtime"
	"time"

	"github.com/singchia/geminio/test/bench/load"
)

// contest is one thing that both sides do.
type contest struct {
	name string
	// open connects both. Each round fills all rows once.
	open func() (rounder, error)
}

// rounder measures both sides once.
type rounder interface {
	rows() []*row
	// round measures for about span each; flip says who comes first.
	round(span time.Duration, flip bool) error
	close()
}

// measure runs a round that does not count, for windows and pools, and the
// others.
func (c contest) measure(rounds int, span time.Duration) ([]*row, error) {
	r, err := c.open()
	if err != nil {
		return nil, err
	}
	defer r.close()
	for i := range rounds + 1 {
		err := bounded(span, func() error { return r.round(span, i%2 == 1) })
		if err != nil {
			return nil, err
		}
		if i == 0 {
			for _, row := range r.rows() {
				row.reset()
			}
		}
	}
	return r.rows(), nil
}

// duel is a contest of two loads, compared by the time or the rate of their
// operations.
type duel struct {
	row       *row
	ours, ref *runner
	unit      unit
}

// between makes a duel out of two loads.
func between(name string, u unit, want mark, ours, ref func() (load.Load, error)) contest {
	return contest{name: name, open: func() (rounder, error) {
		o, err := ours()
		if err != nil {
			return nil, err
		}
		r, err := ref()
		if err != nil {
			o.Close()
			return nil, err
		}
		return &duel{
			row:  &row{name: name, unit: u.name, want: want},
			ours: &runner{load: o}, ref: &runner{load: r},
			unit: u,
		}, nil
	}}
}

func (d *duel) rows() []*row { return []*row{d.row} }

func (d *duel) close() {
	d.ours.load.Close()
	d.ref.load.Close()
}

func (d *duel) round(span time.Duration, flip bool) error {
	first, second := d.ref, d.ours
	if flip {
		first, second = second, first
	}
	for _, r := range []*runner{first, second} {
		if err := r.run(span); err != nil {
			return err
		}
	}
	d.row.add(d.unit.of(d.ours.perOp), d.unit.of(d.ref.perOp))
	return nil
}

// runner runs a load for a given time, as far as its operations of the last
// time tell how many that are.
type runner struct {
	load  load.Load
	perOp time.Duration
}

func (r *runner) run(span time.Duration) error {
	runtime.GC() // what the other one left is not ours to collect
	for n := 100; r.perOp == 0; n *= 2 {
		took, err := r.timed(n)
		if err != nil {
			return err
		}
		if took > span/4 {
			r.perOp = max(took/time.Duration(n), 1)
		}
	}
	n := max(int(span/r.perOp), 1)
	took, err := r.timed(n)
	r.perOp = max(took/time.Duration(n), 1)
	return err
}

func (r *runner) timed(n int) (time.Duration, error) {
	begin := time.Now()
	err := r.load.Run(n)
	return time.Since(begin), err
}

// disturbed is the contest of calls and bulk on one connection with each of
// them alone.
type disturbed struct {
	under         *load.UnderBulk
	p50, p99, vol *row
}

// besideBulk makes one with so many bulk streams.
func besideBulk(name string, streams int) contest {
	return contest{name: name, open: func() (rounder, error) {
		u, err := load.NewUnderBulk(streams, 64)
		if err != nil {
			return nil, err
		}
		return &disturbed{
			under: u,
			p50:   &row{name: name + ", p50", unit: "us", want: atMost(4)},
			p99:   &row{name: name + ", p99 / p50", unit: "us", want: atMost(12)},
			vol:   &row{name: name + ", bulk", unit: "MB/s", want: atLeast(0.75)},
		}, nil
	}}
}

func (d *disturbed) rows() []*row { return []*row{d.p50, d.p99, d.vol} }

func (d *disturbed) close() { d.under.Close() }

func (d *disturbed) round(span time.Duration, _ bool) error {
	runtime.GC()
	alone, err := d.under.Calls(until(span))
	if err != nil {
		return err
	}
	rateAlone, err := d.under.Bulk(span)
	if err != nil {
		return err
	}
	runtime.GC()
	beside, rate, err := d.under.Both(until(span))
	if err != nil {
		return err
	}
	d.p50.add(micros(beside.P50), micros(alone.P50))
	d.p99.add(micros(beside.P99), micros(alone.P50))
	d.vol.add(rate/1e6, rateAlone/1e6)
	return nil
}

// until says more for as long as span, counted from the first question.
func until(span time.Duration) func(int) bool {
	var begin time.Time
	return func(int) bool {
		if begin.IsZero() {
			begin = time.Now()
		}
		return time.Since(begin) < span
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
