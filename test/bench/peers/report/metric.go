package report

import (
	"cmp"
	"math"
)

// metric is one thing that is measured of a workload.
type metric struct {
	unit string
	less bool // less is better
	of   func(figure) float64
}

var (
	megabytes = metric{"MB/s", false, func(f figure) float64 { return f.mbs }}
	calls     = metric{"calls/s", false, func(f figure) float64 { return f.perSecond }}
	messages  = metric{"messages/s", false, func(f figure) float64 { return f.perSecond }}
	streams   = metric{"streams/s", false, func(f figure) float64 { return f.perSecond }}
	micros    = metric{"us", true, func(f figure) float64 { return f.micros }}
	p50       = metric{"us", true, func(f figure) float64 { return f.value("p50us") }}
	p99       = metric{"us", true, func(f figure) float64 { return f.value("p99us") }}
	bulkRate  = metric{"MB/s", false, func(f figure) float64 { return f.value("bulkMBs") }}
	memory    = metric{"bytes", true, func(f figure) float64 { return f.value("heap") + f.value("stack") }}
	kilobytes = metric{"kB", true, func(f figure) float64 { return memory.of(f) / 1000 }}
)

// compare orders the better one first, and what is not known last.
func (m metric) compare(a, b float64) int {
	switch {
	case !known(a) || !known(b):
		return cmp.Compare(b2i(!known(a)), b2i(!known(b)))
	case m.less:
		return cmp.Compare(a, b)
	}
	return cmp.Compare(b, a)
}

// times says how many times as good a is as b.
func (m metric) times(a, b float64) float64 {
	if m.less {
		return b / a
	}
	return a / b
}

func (m metric) better() string {
	if m.less {
		return "less is better"
	}
	return "more is better"
}

func known(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
