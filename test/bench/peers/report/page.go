package report

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/singchia/geminio/test/bench/peers/results"
	"github.com/singchia/geminio/test/bench/peers/stats"
)

// page is what the template reads.
type page struct {
	series
	results results.Results
	drawn   map[string][]byte
}

// Machine is where the samples come from.
func (p page) Machine() results.Machine { return p.results.Machine }

// CPU is GOMAXPROCS of all tables but the one of cores.
func (p page) CPU() int { return p.cpu }

// Rounds is how often each workload was run.
func (p page) Rounds() int {
	most := 0
	for _, s := range p.results.Samples {
		most = max(most, s.Round)
	}
	return most
}

// Span is how long a round was measured.
func (p page) Span() time.Duration {
	var took []float64
	for _, s := range p.results.Samples {
		if i := slices.IndexFunc(workloads, func(w workload) bool { return w.name == s.Workload }); i >= 0 && s.Failed == "" {
			took = append(took, s.Seconds)
		}
	}
	if len(took) == 0 {
		return 0
	}
	return time.Duration(stats.Median(took) * float64(time.Second)).Round(50 * time.Millisecond)
}

// Command repeats the comparison.
func (p page) Command() string {
	c := fmt.Sprintf("go run . compare -rounds %d", p.Rounds())
	if d := p.Span(); d > 0 {
		c += fmt.Sprintf(" -d %v", d)
	}
	list := make([]string, len(p.cpus))
	for i, n := range p.cpus {
		list[i] = strconv.Itoa(n)
	}
	c += " -cpu " + strings.Join(list, ",")
	if len(p.results.Syscalls) > 0 {
		c += " -strace"
	}
	return c + " -o results.json"
}

// Chart shows a chart, if there was something to draw.
func (p page) Chart(name string) string {
	for _, c := range charts {
		if c.name == name && p.drawn[c.file()] != nil {
			return fmt.Sprintf("![%s](%s)\n", c.alt, c.file())
		}
	}
	return ""
}

// Section is a workload with its table.
type Section struct {
	Name, About string
	Table       table
}

// Sections are those of the workloads whose first part is one of names.
func (p page) Sections(names ...string) []Section {
	var all []Section
	for _, w := range group(names...) {
		if t := p.workload(w); len(t.rows) > 0 {
			all = append(all, Section{w.name, w.about, t})
		}
	}
	return all
}

var blank = regexp.MustCompile(`\n{3,}`)

// tidy leaves one empty line where there are several, and none at the end.
func tidy(text []byte) []byte {
	return append(bytes.TrimSpace(blank.ReplaceAll(text, []byte("\n\n"))), '\n')
}

// nan is a figure that is not known.
var nan = math.NaN()
