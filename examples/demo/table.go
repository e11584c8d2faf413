package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// table is what is printed at the end.
type table struct {
	rows []string
}

// The directions: who sends, or calls, whom.
const (
	toServer = "client -> server"
	toClient = "server -> client"
)

func (t *table) row(columns ...string) {
	t.rows = append(t.rows, strings.Join(columns, "\t"))
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

func (t *table) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "\nwhat\tdirection\trate\tp50\tp99")
	for _, row := range t.rows {
		fmt.Fprintln(w, row)
	}
	return w.Flush()
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
