package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// table is what is printed at the end: what, direction, rate, p50, p99.
type table struct {
	rows [][]string
}

// The directions: who sends, or calls, whom.
const (
	toServer = "client -> server"
	toClient = "server -> client"
)

func (t *table) row(columns ...string) {
	t.rows = append(t.rows, columns)
}

func (t *table) add(what, direction string, r rate) {
	perSecond := fmt.Sprintf("%.0f/s", float64(r.Count)/r.Took.Seconds())
	t.row(what, direction, perSecond, latency(r.P50), latency(r.P99))
}

func (t *table) addCalls(direction string, c calls) {
	t.add("calls, one after another", direction, c.Serial)
	t.add(fmt.Sprintf("calls, %d callers", callers), direction, c.Parallel)
}

func (t *table) addFile(size int64, took time.Duration) {
	perSecond := bytesOf(int64(float64(size)/took.Seconds())) + "/s"
	t.row(fmt.Sprintf("file of %s, SHA-256 equal", bytesOf(size)), toClient, perSecond, "-", "-")
}

// print aligns words to the left and figures to the right.
func (t *table) print(out io.Writer) error {
	const words = 2
	header := []string{"what", "direction", "rate", "p50", "p99"}
	width := make([]int, len(header))
	for _, row := range append(t.rows, header) {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	rule := make([]string, len(header))
	for i, n := range width {
		rule[i] = strings.Repeat("-", n)
	}
	for _, row := range append([][]string{nil, header, rule}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			if i < words {
				fmt.Fprintf(&line, "%-*s   ", width[i], cell)
			} else {
				fmt.Fprintf(&line, "%*s   ", width[i], cell)
			}
		}
		if _, err := fmt.Fprintln(out, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// latency is "-" where none was measured.
func latency(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f us", float64(d)/float64(time.Microsecond))
}

// bytesOf is a number of bytes as people write it.
func bytesOf(n int64) string {
	units := []string{"B", "kB", "MB", "GB"}
	v, i := float64(n), 0
	for v >= 1000 && i < len(units)-1 {
		v /= 1000
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.3g %s", v, units[i])
}
