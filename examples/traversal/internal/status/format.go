package status

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The script of the page writes figures in the same way: see live.js.

// formatBytes writes an amount of bytes with three digits or four.
func formatBytes(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units) {
		value /= 1024
		unit++
	}
	digits, scale := 0, 1.0
	switch {
	case value < 10:
		digits, scale = 2, 100
	case value < 100:
		digits, scale = 1, 10
	}
	value = math.Floor(value*scale+0.5) / scale // a half goes up, as it does in the script
	return fmt.Sprintf("%.*f %ciB", digits, value, units[unit-1])
}

const units = "KMGTPE"

// formatSpan writes the time from one moment to another with its two largest
// units; nothing is known when from is zero.
func formatSpan(from, to time.Time) string {
	if from.IsZero() {
		return "–"
	}
	s := max(0, int64(to.Sub(from)/time.Second))
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s%86400/3600)
}

// link returns the address as one that a browser opens, nothing for others.
func link(public string) string {
	if strings.HasPrefix(public, "http://") {
		return public
	}
	return ""
}

// formatStamp writes a moment for programs, and nothing for the zero one.
func formatStamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
