package report

import (
	"math"
	"strconv"
	"strings"
)

const none = "–"

// table is one of Markdown, whose columns but the first are figures.
type table struct {
	head []string
	rows [][]string
	text bool // the columns are words
}

func (t *table) add(row ...string) { t.rows = append(t.rows, row) }

// String is empty where there are no rows.
func (t table) String() string {
	if len(t.rows) == 0 {
		return ""
	}
	rule := make([]string, len(t.head))
	for i := range rule {
		rule[i] = "---"
		if i > 0 && !t.text {
			rule[i] = "--:"
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{t.head, rule}, t.rows...) {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String()
}

// num writes v with three digits that count, and commas between thousands.
func num(v float64) string {
	if !known(v) {
		return none
	}
	size := math.Abs(v)
	switch {
	case size == 0:
		return "0"
	case size < 0.095:
		return strconv.FormatFloat(v, 'g', 2, 64)
	case size < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case size < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	step := math.Pow(10, math.Floor(math.Log10(size))-2)
	return commas(strconv.FormatFloat(math.Round(v/step)*step, 'f', 0, 64))
}

func commas(digits string) string {
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		return "-" + commas(rest)
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// factor writes a ratio.
func factor(v float64) string {
	if !known(v) {
		return none
	}
	return num(v) + "x"
}

func percent(v float64) string {
	if !known(v) {
		return none
	}
	return strconv.FormatFloat(100*v, 'f', 0, 64)
}

// with writes v with its unit.
func with(v float64, unit string) string {
	if !known(v) {
		return none
	}
	return num(v) + " " + unit
}
